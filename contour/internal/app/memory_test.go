package app

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
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

// Collections that follow each other closely raise the percentage, others do not.
func TestCollectionsAreRarerWhileThereAreMany(t *testing.T) {
	var set []int
	calm := time.NewTimer(time.Hour)
	defer calm.Stop()
	p := &gcPace{set: func(percent int) { set = append(set, percent) }, calm: calm}
	now := time.Unix(1_000_000, 0)
	for range 100 {
		p.collected(now)
		now = now.Add(gcBurstTime/gcBurst + time.Millisecond)
	}
	if len(set) != 0 {
		t.Errorf("collections at a moderate rate set %v", set)
	}
	for range 2 * gcBurst {
		p.collected(now)
		now = now.Add(gcBurstTime / gcBurst / 2)
	}
	if len(set) == 0 || set[0] != busyGCPercent {
		t.Errorf("collections at a high rate set %v", set)
	}
}

// Each collection is seen.
func TestAfterEachCollection(t *testing.T) {
	seen := make(chan time.Time, 100)
	afterEachCollection(func(at time.Time) {
		select {
		case seen <- at:
		default: // after the test
		}
	})
	for range 3 {
		runtime.GC()
		select {
		case <-seen:
		case <-time.After(10 * time.Second):
			t.Fatal("a collection was not seen")
		}
	}
}
