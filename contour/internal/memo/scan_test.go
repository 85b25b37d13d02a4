package memo

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A scan in parts visits each entry that is there all the time, whatever is added and removed between the parts, and
// each part visits few entries.
func TestScanInPartsMissesNothing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		e := New(func(f Fault) { t.Fatal(f) })
		table := NewTable(e, Options[int, int]{Name: "t", Equal: func(a, b int) bool { return a == b }, Derive: func(_ *Reader, k int) int { return -k }})
		steady := 1 + rnd.IntN(2_000)
		for k := range steady {
			table.Demand(k)
		}
		e.Run()
		seen, present, parts := map[int]int{}, map[int]bool{}, 0
		for at := (Cursor{}); !at.Done(); parts++ {
			visited := 0
			at = table.Scan(at, 64, func(k, v int) {
				visited++
				if seen[k] = v; v != -k {
					t.Fatalf("seed %d: key %d has value %d", seed, k, v)
				}
			})
			if visited > 64+600 {
				t.Fatalf("seed %d: one part visits %d entries of %d", seed, visited, steady)
			}
			change(rnd, table, present, steady)
			e.Run()
		}
		for k := range steady {
			if seen[k] != -k {
				t.Fatalf("seed %d: key %d of %d is missed", seed, k, steady)
			}
		}
		if table.entries.len() > 1_000 && parts < 8 {
			t.Fatalf("seed %d: %d parts of %d entries", seed, parts, table.entries.len())
		}
	}
}

// change adds and removes some keys that are not steady.
func change(rnd *rand.Rand, table *Table[int, int], present map[int]bool, steady int) {
	for range rnd.IntN(20) {
		k := steady + rnd.IntN(300)
		if present[k] = !present[k]; present[k] {
			table.Demand(k)
		} else {
			table.Release(k)
		}
	}
}
