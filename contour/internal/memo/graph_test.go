package memo

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// There are about ten nodes for each object of a user.
func TestNodesAreSmall(t *testing.T) {
	if size := unsafe.Sizeof(node{}); size > 64 {
		t.Errorf("a node has %d bytes", size)
	}
}

// Thousands read one value, stop reading it and come back: those who read it now run when it changes, and no others.
func TestReadersComeAndGo(t *testing.T) {
	const n = 2_000
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	popular, reads := NewInput[string](e, "popular", eq[int]), NewInput[int](e, "reads", eq[bool])
	tab := NewTable(e, Options[int, int]{Name: "sum", Equal: eq[int], Derive: func(r *Reader, k int) int {
		sum := 0
		if yes, _ := reads.Get(r, k); yes {
			sum, _ = popular.Get(r, "x")
		}
		return sum
	}})
	for k := range n {
		tab.Demand(k)
	}
	rnd, model := rand.New(rand.NewPCG(1, 2)), map[int]bool{}
	for round := range 40 {
		for range n / 3 {
			k := rnd.IntN(n)
			model[k] = rnd.IntN(round%7+2) == 0
			reads.Set(k, model[k])
		}
		e.Run()
		before, want := e.Runs(), uint64(0)
		popular.Set("x", round+1)
		e.Run()
		for k := range n {
			if v, _ := tab.Peek(k); model[k] && v != round+1 || !model[k] && v != 0 {
				t.Fatalf("round %d: key %d has %d", round, k, v)
			}
			if model[k] {
				want++
			}
		}
		if got := e.Runs() - before; got != want {
			t.Errorf("round %d: %d derivations, want %d", round, got, want)
		}
	}
}

// What is read again and again is recorded once, and reads in the same order are recognised.
func TestRepeatedReads(t *testing.T) {
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	in := NewInput[int](e, "in", eq[int])
	tab := NewTable(e, Options[string, int]{Name: "sum", Equal: eq[int], Derive: func(r *Reader, _ string) int {
		sum := 0
		for _, k := range []int{1, 2, 1, 3, 1, 4, 5, 6, 7, 8, 1, 2} {
			v, _ := in.Get(r, k)
			sum += v
		}
		return sum
	}})
	tab.Demand("a")
	for i := range 3 {
		in.Set(1, i)
		e.Run()
		d, _ := tab.entries.get("a")
		if len(d.deps) != 8 || d.value != 4*i {
			t.Errorf("%d reads and a sum of %d, want 8 and %d", len(d.deps), d.value, 4*i)
		}
	}
}

// DemandFrom demands a key while a value contains it.
func TestDemandFrom(t *testing.T) {
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	in := NewInput[int](e, "in", slices.Equal[[]string])
	tab := NewTable(e, Options[string, int]{Name: "of", Equal: eq[int], Derive: func(*Reader, string) int { return 1 }})
	DemandFrom(in, tab, func(_ int, v []string) []string { return v })
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2_000 {
		var v []string
		for range rnd.IntN(4) {
			v = append(v, string(rune('a'+rnd.IntN(6))))
		}
		if k := rnd.IntN(5); len(v) == 0 {
			in.Delete(k)
		} else {
			in.Set(k, v)
		}
		if rnd.IntN(3) != 0 {
			continue
		}
		e.Run()
		var want []string
		in.Each(func(_ int, v []string) bool { want = append(want, v...); return true })
		slices.Sort(want)
		if got := slices.Sorted(tab.Keys); !slices.Equal(got, slices.Compact(want)) {
			t.Fatalf("DemandFrom demands %v, want %v", got, want)
		}
	}
}

// A derivation reads a declared table at its own key and at others; reads of absent values make no entry.
func TestReadAtOwnKey(t *testing.T) {
	const n = 100
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	texts := NewInput[int](e, "texts", eq[string])
	lengths := NewIndex(texts, "lengths", cmp.Compare[int], func(k int, v string) []int { return []int{len(v)} })
	tab := NewTable(e, Options[int, string]{Name: "text", Equal: eq[string], Derive: func(r *Reader, k int) string {
		text, _ := texts.Get(r, k)
		if next, ok := texts.Get(r, k+1); ok && k == 7 {
			text += next
		}
		for _, n := range lengths.Get(r, k) {
			text += string(rune('A' + n))
		}
		return text
	}})
	ReadAtOwnKey(texts, tab)
	ReadAtOwnKey(lengths, tab)
	for k := range n {
		tab.Demand(k)
	}
	expect := func(k int, want string, runs uint64) {
		t.Helper()
		before := e.Runs()
		e.Run()
		if got, _ := tab.Peek(k); got != want || e.Runs()-before != runs {
			t.Errorf("%q after %d derivations, want %q after %d", got, e.Runs()-before, want, runs)
		}
	}
	expect(3, "", n)
	texts.Set(3, "abcde")
	expect(3, "abcde", 3) // and 2, which reads its neighbour, and 5, the length
	expect(5, "D", 0)
	texts.Set(8, "xy")
	expect(7, "xy", 3)
	texts.Delete(3)
	expect(3, "", 3)
	expect(5, "", 0)
	if lengths.entries.len() != 1 {
		t.Errorf("%d entries of an index with one value", lengths.entries.len())
	}
}

// A second table that reads an input or index at its own key would silently replace the first.
func TestOnlyOneTableReadsAtItsOwnKey(t *testing.T) {
	e := New(nil)
	in := NewInput[int](e, "in", eq[int])
	ix := NewIndex(in, "ix", cmp.Compare[int], func(int, int) []int { return nil })
	options := Options[int, int]{Name: "a", Equal: eq[int], Derive: func(*Reader, int) int { return 0 }}
	a, b := NewTable(e, options), NewTable(e, options)
	for _, from := range []ownKeySource[int]{in, ix} {
		ReadAtOwnKey(from, a)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s has two readers at their own key", from.base().name)
				}
			}()
			ReadAtOwnKey(from, b)
		}()
	}
}

// A node that read another one does not read it any more, and is read by it instead: this is no cycle.
func TestSwappedReadsAreNoCycle(t *testing.T) {
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	in := NewInput[string](e, "in", eq[int])
	members := NewTable(e, Options[int, int]{Name: "members", Equal: eq[int], Derive: func(_ *Reader, k int) int { return k }})
	index := NewIndex(members, "index", cmp.Compare[int], func(_, v int) []int { return []int{v} })
	var late *Table[string, int]
	var pair *Table[string, int]
	pair = NewTable(e, Options[string, int]{Name: "pair", Equal: eq[int], Derive: func(r *Reader, k string) int {
		switch {
		case k == "b" && late.Get(r, "x") == 1:
			return pair.Get(r, "a") + 1
		case k == "a" && len(index.Get(r, 1)) == 0:
			return pair.Get(r, "b") + 1
		}
		return 10
	}})
	late = NewTable(e, Options[string, int]{Name: "late", Equal: eq[int], Derive: func(r *Reader, k string) int {
		v, _ := in.Get(r, k)
		return v
	}})
	// members has 1 by the read of keep; its index has it once late demands it, in the middle of the run.
	keep := NewTable(e, Options[int, int]{Name: "keep", Equal: eq[int], Derive: func(r *Reader, k int) int { return members.Get(r, k) + pair.Get(r, "b") }})
	DemandFrom(late, members, func(_ string, v int) []int { return []int{v} })
	pair.Demand("a")
	late.Demand("x")
	keep.Demand(1)
	for i, want := range []map[string]int{{"a": 11, "b": 10}, {"a": 10, "b": 11}, {"a": 11, "b": 10}, {"a": 10, "b": 11}} {
		in.Set("x", i%2)
		e.Run()
		for k, v := range want {
			if got, _ := pair.Peek(k); got != v {
				t.Errorf("step %d: %s is %d, want %d", i, k, got, v)
			}
		}
	}
}

// While the derivation of a key panics, OnPanic receives the last value that Derive returned, not its own result.
func TestOnPanicReceivesTheLastGoodValue(t *testing.T) {
	e := New(nil)
	in := NewInput[string](e, "in", eq[int])
	tab := NewTable(e, Options[string, int]{
		Name: "positive", Equal: eq[int],
		Derive: func(r *Reader, k string) int {
			v, _ := in.Get(r, k)
			if v < 0 {
				panic("negative")
			}
			return v
		},
		OnPanic: func(_ string, last int, ok bool, _ string) int {
			if !ok {
				return -1
			}
			return 100 + last
		},
	})
	tab.Demand("a")
	for i, step := range []struct{ set, want int }{{-1, -1}, {-2, -1}, {5, 5}, {-1, 105}, {-2, 105}, {6, 6}, {-3, 106}} {
		in.Set("a", step.set)
		e.Run()
		if got, _ := tab.Peek("a"); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
	tab.Release("a")
	e.Run()
	if len(tab.lastGood) != 0 {
		t.Error("the last good value of a removed key is kept")
	}
}

// An index without reads keeps at most as many unapplied changes as keys.
func TestIndexWithoutReads(t *testing.T) {
	const n = 10_000
	e := New(nil)
	in := NewInput[int](e, "in", eq[string])
	ix := NewIndex(in, "by value", cmp.Compare[int], func(_ int, v string) []string { return []string{v} })
	for k := range n {
		in.Set(n-k, "same")
	}
	l, _ := ix.entries.get("same")
	if l.len() != n || ix.Count("same") != n {
		t.Errorf("%d keys, %d counted", l.len(), ix.Count("same"))
	}
	if l.unapplied != nil && len(l.unapplied.changes) > len(l.keys) {
		t.Errorf("%d unapplied changes, with %d keys", len(l.unapplied.changes), len(l.keys))
	}
	if keys := ix.Peek("same"); len(keys) != n || !slices.IsSorted(keys) {
		t.Errorf("%d keys, sorted: %t", len(keys), slices.IsSorted(keys))
	}
}
