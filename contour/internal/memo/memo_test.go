package memo

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func eq[T comparable](a, b T) bool { return a == b }

// sums is a small example: numbers with a group, a sum for each group, and the parity of each sum.
type sums struct {
	engine  *Engine
	numbers *Input[string, number]
	groups  *Index[string, string]
	sum     *Table[string, int]
	parity  *Table[string, bool]
	byOdd   *Index[bool, string]
	odd     *Table[bool, string]
	faults  []Fault
}

type number struct {
	group string
	n     int
}

func newSums() *sums {
	s := &sums{}
	s.engine = New(func(f Fault) { s.faults = append(s.faults, f) })
	s.numbers = NewInput[string](s.engine, "numbers", eq[number])
	s.groups = NewIndex(s.numbers, "groups", cmp.Compare[string], func(_ string, v number) []string { return []string{v.group} })
	s.sum = NewTable(s.engine, Options[string, int]{Name: "sum", Equal: eq[int], Derive: func(r *Reader, g string) int {
		total := 0
		for _, k := range s.groups.Get(r, g) {
			v, _ := s.numbers.Get(r, k)
			if v.n == 666 {
				panic("the beast")
			}
			total += v.n
		}
		return total
	}})
	s.parity = NewTable(s.engine, Options[string, bool]{Name: "parity", Equal: eq[bool], Derive: func(r *Reader, g string) bool {
		return s.sum.Get(r, g)%2 == 0
	}})
	s.byOdd = NewIndex(s.parity, "byOdd", cmp.Compare[string], func(_ string, even bool) []bool { return []bool{!even} })
	s.odd = NewTable(s.engine, Options[bool, string]{Name: "odd", Equal: eq[string], Derive: func(r *Reader, odd bool) string {
		return fmt.Sprint(s.byOdd.Get(r, odd))
	}})
	DemandFrom(s.numbers, s.parity, func(_ string, v number) []string { return []string{v.group} })
	DemandFrom(s.parity, s.odd, func(_ string, even bool) []bool { return []bool{!even} })
	s.odd.Watch()
	return s
}

func TestOnlyWhatReadTheChangeRunsAgain(t *testing.T) {
	s := newSums()
	for i := range 100 {
		s.numbers.Set(fmt.Sprint(i), number{group: fmt.Sprint(i % 10), n: 2 * i})
	}
	s.engine.Run()
	if got := s.engine.Runs(); got != 10+10+1 {
		t.Fatalf("first run: %d derivations, want 21", got)
	}
	before := s.engine.Runs()
	s.numbers.Set("7", number{group: "7", n: 1000})
	s.engine.Run()
	if got := s.engine.Runs() - before; got != 2 {
		t.Errorf("an even number changed: %d derivations, want the sum and its parity", got)
	}
	before = s.engine.Runs()
	s.numbers.Set("7", number{group: "7", n: 1000})
	s.engine.Run()
	if got := s.engine.Runs() - before; got != 0 {
		t.Errorf("the same value set again: %d derivations, want none", got)
	}
	s.odd.Changes()
	s.numbers.Set("7", number{group: "7", n: 1001})
	s.engine.Run()
	if got := s.odd.Changes(); len(got) != 2 {
		t.Errorf("an odd number: %d changed keys, want both parities", len(got))
	}
}

func TestAbsentValuesAreReadToo(t *testing.T) {
	e := New(nil)
	in := NewInput[string](e, "in", eq[int])
	out := NewTable(e, Options[string, string]{Name: "out", Equal: eq[string], Derive: func(r *Reader, k string) string {
		v, ok := in.Get(r, k)
		return fmt.Sprint(v, ok)
	}})
	out.Demand("a")
	e.Run()
	in.Set("a", 5)
	e.Run()
	if got, _ := out.Peek("a"); got != "5 true" {
		t.Errorf("after the value appeared: %q", got)
	}
	in.Delete("a")
	e.Run()
	if got, _ := out.Peek("a"); got != "0 false" {
		t.Errorf("after the value went: %q", got)
	}
}

func TestUnusedKeysAreDropped(t *testing.T) {
	s := newSums()
	s.numbers.Set("a", number{group: "g", n: 1})
	s.engine.Run()
	s.numbers.Delete("a")
	s.engine.Run()
	for _, st := range s.engine.Stats() {
		if st.Entries != 0 {
			t.Errorf("table %s still has %d entries", st.Table, st.Entries)
		}
	}
	if s.numbers.entries.len()+s.groups.entries.len()+s.byOdd.entries.len() != 0 {
		t.Error("an input or an index still has entries")
	}
	if ch := s.odd.Changes(); len(ch) != 0 {
		t.Errorf("net changes of a key that was added and removed: %v", ch)
	}
}

// The indexes drop a key at its release, also while a derivation reads it: a derivation that finds the key by an index
// would otherwise keep it forever.
func TestReleasedKeyLeavesTheIndexes(t *testing.T) {
	s := newSums()
	list := NewTable(s.engine, Options[bool, string]{Name: "list", Equal: eq[string], Derive: func(r *Reader, odd bool) string {
		text := ""
		for _, g := range s.byOdd.Get(r, odd) {
			text += fmt.Sprint(g, s.parity.Get(r, g), " ")
		}
		return text
	}})
	list.Demand(false)
	s.numbers.Set("a", number{"g", 2})
	s.numbers.Set("b", number{"h", 4})
	s.engine.Run()
	s.numbers.Delete("a")
	s.engine.Run()
	if got, _ := list.Peek(false); got != "htrue " {
		t.Errorf("the list is %q", got)
	}
	if _, ok := s.parity.Peek("g"); ok {
		t.Error("the released key is still there")
	}
}

func TestPanicCostsOneKey(t *testing.T) {
	s := newSums()
	s.numbers.Set("a", number{group: "g", n: 3})
	s.numbers.Set("b", number{group: "h", n: 4})
	s.engine.Run()
	s.numbers.Set("a", number{group: "g", n: 666})
	s.numbers.Set("b", number{group: "h", n: 5})
	s.engine.Run()
	if len(s.faults) != 1 || s.faults[0].Table != "sum" || s.faults[0].Key != "g" {
		t.Fatalf("faults: %+v", s.faults)
	}
	if v, _ := s.sum.Peek("g"); v != 3 {
		t.Errorf("the panicking key has %d, want its last value 3", v)
	}
	if v, _ := s.sum.Peek("h"); v != 5 {
		t.Errorf("its neighbour has %d, want 5", v)
	}
	s.numbers.Set("a", number{group: "g", n: 8})
	s.engine.Run()
	if v, _ := s.sum.Peek("g"); v != 8 {
		t.Errorf("after the repair: %d, want 8", v)
	}
}

func TestCycleIsAFaultNotAHang(t *testing.T) {
	var faults []Fault
	e := New(func(f Fault) { faults = append(faults, f) })
	var tab *Table[int, int]
	tab = NewTable(e, Options[int, int]{Name: "loop", Equal: eq[int], Derive: func(r *Reader, k int) int {
		return tab.Get(r, 1-k) + 1
	}})
	tab.Demand(0)
	e.Run()
	if len(faults) == 0 {
		t.Fatal("no fault")
	}
}

func TestIndexReadTooEarlyIsAFault(t *testing.T) {
	s := newSums()
	early := NewTable(s.engine, Options[int, int]{Name: "late", Equal: eq[int], Derive: func(r *Reader, _ int) int {
		return len(s.byOdd.Get(r, true))
	}})
	early.Demand(0)
	s.engine.Run()
	if len(s.faults) != 0 {
		t.Fatalf("a later table may read the index: %v", s.faults)
	}
	self := NewTable(s.engine, Options[int, int]{Name: "self", Equal: eq[int], Derive: func(r *Reader, _ int) int { return 0 }})
	ix := NewIndex(self, "ofSelf", cmp.Compare[int], func(k, _ int) []int { return []int{k} })
	self.Derive = func(r *Reader, _ int) int { return len(ix.Get(r, 0)) }
	self.Demand(0)
	s.engine.Run()
	if len(s.faults) == 0 {
		t.Fatalf("a table that reads its own index: %v", s.faults)
	}
}

// The strongest property: whatever the edits, the result equals a build from scratch.
func TestRandomEditsEqualAScratchBuild(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := newSums()
	for step := range 3000 {
		k := fmt.Sprint(rnd.IntN(30))
		if rnd.IntN(3) == 0 {
			s.numbers.Delete(k)
		} else {
			s.numbers.Set(k, number{group: fmt.Sprint(rnd.IntN(8)), n: rnd.IntN(5)})
		}
		if rnd.IntN(4) != 0 {
			continue
		}
		s.engine.Run()
		if got, want := s.dump(), s.scratch().dump(); got != want {
			t.Fatalf("seed %d, step %d:\n got %s\nwant %s", seed, step, got, want)
		}
	}
}

func (s *sums) scratch() *sums {
	c := newSums()
	s.numbers.Each(func(k string, v number) bool { c.numbers.Set(k, v); return true })
	c.engine.Run()
	return c
}

func (s *sums) dump() string {
	var lines []string
	for k := range s.parity.Keys {
		sum, _ := s.sum.Peek(k)
		even, _ := s.parity.Peek(k)
		lines = append(lines, fmt.Sprint(k, " ", sum, " ", even))
	}
	for k := range s.odd.Keys {
		v, _ := s.odd.Peek(k)
		lines = append(lines, fmt.Sprint(k, " ", v))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}
