package memo

import (
	"cmp"
	"slices"
	"testing"
)

// faulty is the value for which every function of a table panics.
const faulty = 13

func check(v int) {
	if v == faulty {
		panic("faulty")
	}
}

// A panic of any function of a table, an index or Follow is a fault and affects only its key, in a run and outside of it.
func TestPanicsOfAllFunctionsAreFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		faults int
		add    func(e *Engine, from *Table[string, int])
	}{
		"index": {2, func(_ *Engine, from *Table[string, int]) {
			NewIndex(from, "index", cmp.Compare[string], func(_ string, v int) []int { check(v); return []int{v} })
		}},
		"terms": {2, func(_ *Engine, from *Table[string, int]) {
			Follow(from, func(_ string, v int) []int { check(v); return []int{v} }, func(int, bool) {})
		}},
		"hook": {2, func(_ *Engine, from *Table[string, int]) {
			Follow(from, func(_ string, v int) []int { return []int{v} }, func(v int, _ bool) { check(v) })
		}},
		"equal": {2, func(e *Engine, from *Table[string, int]) {
			equal := NewTable(e, Options[string, int]{
				Name: "equal", Derive: func(r *Reader, k string) int { return from.Get(r, k) },
				Equal: func(a, b int) bool { check(a); check(b); return a == b },
			})
			equal.Watch()
			equal.Demand("a")
			equal.Demand("b")
		}},
		"on panic": {2, func(e *Engine, from *Table[string, int]) {
			NewTable(e, Options[string, int]{
				Name: "on panic", Equal: eq[int],
				Derive:  func(r *Reader, k string) int { v := from.Get(r, k); check(v); return v },
				OnPanic: func(string, int, bool, string) int { panic("again") },
			}).Demand("a")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []any
			e := New(func(f Fault) { keys = append(keys, f.Key) })
			in := NewInput[string](e, "in", eq[int])
			from := NewTable(e, Options[string, int]{Name: "from", Equal: eq[int], Derive: func(r *Reader, k string) int {
				v, _ := in.Get(r, k)
				return v
			}})
			tc.add(e, from)
			from.Demand("a")
			from.Demand("b")
			for _, v := range []int{1, faulty, 2} {
				in.Set("a", v)
				in.Set("b", 20+v%10)
				e.Run()
			}
			if len(keys) != tc.faults || slices.ContainsFunc(keys, func(k any) bool { return k != "a" }) {
				t.Errorf("faults of %v, want %d of a", keys, tc.faults)
			}
			if a, _ := from.Peek("a"); a != 2 {
				t.Errorf("a is %d after the fault, want 2", a)
			}
		})
	}
}

// A value whose terms cannot be computed has none, and the next value has its own.
func TestIndexAfterAPanic(t *testing.T) {
	faults := 0
	e := New(func(Fault) { faults++ })
	in := NewInput[string](e, "in", func(a, b int) bool { check(a); check(b); return a == b })
	ix := NewIndex(in, "index", cmp.Compare[string], func(_ string, v int) []int { check(v); return []int{v} })
	for _, v := range []int{1, faulty, 2} {
		in.Set("a", v)
	}
	for v, want := range map[int][]string{1: nil, faulty: nil, 2: {"a"}} {
		if got := ix.Peek(v); !slices.Equal(got, want) {
			t.Errorf("the index has %v at %d, want %v", got, v, want)
		}
	}
	if faults != 4 {
		t.Errorf("%d faults, want 2 of the comparison and 2 of the index", faults)
	}
}
