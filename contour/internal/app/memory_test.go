package app

import (
	"runtime/debug"
	"testing"
)

func TestGarbageIsLimitedUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	const of = 83 // no value that anybody sets
	was := debug.SetGCPercent(of)
	t.Cleanup(func() { debug.SetGCPercent(was) })
	for gogc, want := range map[string]int{"100": of, "": gcPercent} {
		debug.SetGCPercent(of)
		limitGarbage(func(name string) string {
			if name != "GOGC" {
				t.Errorf("the environment is asked for %s", name)
			}
			return gogc
		})
		if got := debug.SetGCPercent(of); got != want {
			t.Errorf("GOGC=%q: %d percent, want %d", gogc, got, want)
		}
	}
}
