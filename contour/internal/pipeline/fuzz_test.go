package pipeline_test

import (
	"math/rand/v2"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/stagetest"
)

// bytesSource is a source of randomness from a fuzzer. After its end, the values are always the same.
type bytesSource struct {
	bytes []byte
	rest  *rand.PCG
}

// Uint64 consumes two bytes: few choices have more than a hundred alternatives.
func (s *bytesSource) Uint64() uint64 {
	if len(s.bytes) < 2 {
		return s.rest.Uint64()
	}
	v := uint64(s.bytes[0])<<8 | uint64(s.bytes[1])
	s.bytes = s.bytes[2:]
	return v<<48 | v<<16
}

// For any objects, no derivation fails, no published resource is invalid, all needs exist, and the result does not depend
// on the order of changes.
func FuzzPipeline(f *testing.F) {
	pairs := must(stagetest.Pairs())(f)
	f.Add([]byte("some bytes that stand for the choices of the generator, as many as there may be"))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, choices []byte) {
		source := &bytesSource{bytes: choices, rest: rand.NewPCG(1, 1)}
		random := stagetest.NewRandom(source, pairs)
		sys := newSystem(t, withGateways(config.Default()))
		for range 8 {
			sys.Step(random.Batch(batchSize))
			if len(source.bytes) < 2 {
				break
			}
		}
		checkPublished(t, sys)
		fresh := newSystem(t, withGateways(config.Default()))
		fresh.Step(random.Objects())
		sameState(t, fresh.state(), sys.state())
	})
}
