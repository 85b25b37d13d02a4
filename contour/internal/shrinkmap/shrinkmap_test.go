package shrinkmap

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"testing"
)

// After any changes a map contains what a map of Go contains.
func TestMap(t *testing.T) {
	t.Parallel()
	var m Map[int, int]
	want := map[int]int{}
	for i := range 200_000 {
		k := rand.IntN(1 + 20*few*(1+i/50_000%2))
		if grows := i/20_000%2 == 0; grows == (rand.IntN(4) > 0) {
			m.Set(k, i)
			want[k] = i
		} else {
			m.Delete(k)
			delete(want, k)
		}
		if m.Len() != len(want) || m.Get(k) != want[k] {
			t.Fatalf("%d entries, want %d; %d of %d, want %d", m.Len(), len(want), m.Get(k), k, want[k])
		}
	}
	if got := maps.Collect(m.All()); !maps.Equal(got, want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
	if m.Clear(); m.Len() != 0 {
		t.Error("a cleared map has entries")
	}
}

// After a peak a map is small again, and iterating while deleting visits each entry once.
func TestAMapShrinks(t *testing.T) {
	const n, most = 100_000, 64 << 10
	var m Map[int, [8]byte]
	before := heap()
	for i := range n {
		m.Set(i, [8]byte{})
	}
	visited := 0
	for k := range m.All() {
		visited++
		if k != 7 {
			m.Delete(k)
		}
	}
	if visited != n || m.Len() != 1 {
		t.Errorf("%d of %d are visited, %d are left", visited, n, m.Len())
	}
	if got := heap() - before; got > most {
		t.Errorf("%d bytes for one entry after a peak, want at most %d", got, most)
	}
	runtime.KeepAlive(&m)
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}
