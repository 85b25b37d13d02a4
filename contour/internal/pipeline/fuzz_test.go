package pipeline_test

import (
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/stagetest"
)

// bytesSource is randomness that a fuzzer chooses; zeros once it is used up.
type bytesSource []byte

// Uint64 takes two bytes: few choices have more than a hundred alternatives.
func (s *bytesSource) Uint64() uint64 {
	var v uint64
	for i := 0; i < 2 && len(*s) > 0; i++ {
		v = v<<8 | uint64((*s)[0])
		*s = (*s)[1:]
	}
	return v<<48 | v<<16
}

// Whatever the objects are: no derivation fails, nothing that we make is refused by our own validation, everything
// needed exists, and the result does not depend on the way it came about.
func FuzzPipeline(f *testing.F) {
	f.Add([]byte("some bytes that stand for the choices of the generator, as many as there may be"))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, choices []byte) {
		source := bytesSource(choices)
		world, err := stagetest.NewRandom(&source)
		if err != nil {
			t.Fatal(err)
		}
		sys := newSystem(t, config.Default())
		for range 8 {
			sys.Step(world.Batch(batchSize))
			if len(source) == 0 {
				break
			}
		}
		checkPublished(t, sys)
		fresh := newSystem(t, config.Default())
		fresh.Step(world.Objects())
		sameState(t, fresh.state(), sys.state())
	})
}
