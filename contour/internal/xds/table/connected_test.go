package table

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"contour.example/contour/internal/xds/quarantine"
)

// The number of watches of an Envoy is that of its open watches, whatever their order.
func TestConnectedEnvoysAreCounted(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	table := New()
	v := table.newVerdict(content{Route, quarantine.ID{Name: "a"}}, "no")
	v.accepted = true
	open := map[*Watch]bool{}
	for range 300 {
		if random.IntN(2) == 0 {
			open[table.WatchFrom(fmt.Sprint(random.IntN(5)), "10.0.0.1")] = true
		}
		for w := range open {
			if random.IntN(3) == 0 {
				delete(open, w)
				w.Close()
				w.Close() // has no effect
			}
			break
		}
		for i := range 3 { // some left
			v.add(identity{fmt.Sprint(i), "10.0.0.1"})
		}
		supporters, of := 0, map[identity]int{}
		for w := range open {
			of[w.identity]++
			if v.rejectedBy(w.identity) {
				supporters++
			}
		}
		if got := table.supporters(v); got != supporters || len(table.connected) != len(of) {
			t.Fatalf("%d supporters and %d Envoys, want %d and %d", got, len(table.connected), supporters, len(of))
		}
	}
}
