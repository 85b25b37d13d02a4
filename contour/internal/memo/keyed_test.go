package memo

import (
	"math/rand/v2"
	"testing"
	"time"
)

type pair struct{ key, value int }

func (p *pair) ownKey() int { return p.key }

// Whatever is added and removed, a keyed holds what a map would.
func TestKeyedIsAMap(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	table, model := newKeyed[int, *pair](), map[int]*pair{}
	for step := range 50_000 {
		keys := 20
		if step%10_000 > 5_000 {
			keys = 2_000
		}
		k := rnd.IntN(keys)
		if _, ok := model[k]; !ok && rnd.IntN(5) > 1 {
			model[k] = &pair{k, step}
			table.add(model[k])
		} else if rnd.IntN(2) == 0 {
			delete(model, k)
			table.remove(k)
		}
		if got, ok := table.get(k); got != model[k] || ok != (model[k] != nil) {
			t.Fatalf("seed %d, step %d: %v of key %d, want %v", seed, step, got, k, model[k])
		}
	}
	sameEntries(t, &table, model)
	for k := range model {
		table.remove(k)
		delete(model, k)
	}
	sameEntries(t, &table, model)
	if len(table.slots) != fewSlots {
		t.Errorf("an empty table of %d slots", len(table.slots))
	}
}

func sameEntries(t *testing.T, table *keyed[int, *pair], model map[int]*pair) {
	t.Helper()
	seen := 0
	table.each(func(p *pair) bool {
		if model[p.key] != p {
			t.Errorf("entry %v, want %v", p, model[p.key])
		}
		seen++
		return true
	})
	if seen != len(model) || table.len() != len(model) {
		t.Errorf("%d entries seen, %d counted, want %d", seen, table.len(), len(model))
	}
}
