package memo

import (
	"cmp"
	"slices"
	"testing"
)

// An index, a demand or Follow that starts when a table has values has the same result as one that starts before.
func TestFollowTablesWithValues(t *testing.T) {
	t.Parallel()
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	input := NewInput[int](e, "input", eq[string])
	derived := NewTable(e, Options[int, string]{Name: "derived", Equal: eq[string], Derive: func(r *Reader, k int) string {
		v, _ := input.Get(r, k)
		return v
	}})
	input.Set(1, "a")
	input.Set(2, "a")
	input.Set(3, "b")
	for _, k := range []int{1, 2, 3} {
		derived.Demand(k)
	}
	input.Set(4, "c")
	e.Run()

	lengths := NewTable(e, Options[string, int]{Name: "lengths", Equal: eq[int], Derive: func(_ *Reader, s string) int { return len(s) }})
	indexed := NewTable(e, Options[string, int]{Name: "indexed", Equal: eq[int], Derive: func(_ *Reader, s string) int { return len(s) }})
	counts := map[string]int{}
	byText := func(_ int, s string) []string { return []string{s} }
	ofInput := NewIndex(input, "of the input", cmp.Compare[int], byText)
	ofTable := NewIndex(derived, "of the table", cmp.Compare[int], byText)
	DemandFrom(input, lengths, byText)
	DemandFrom(derived, indexed, byText)
	Follow(derived, byText, func(s string, present bool) {
		if present {
			counts[s]++
		} else {
			counts[s]--
		}
	})
	e.Run()
	check := func(s string, inInput, inTable []int) {
		t.Helper()
		if got := ofInput.Peek(s); !slices.Equal(got, inInput) {
			t.Errorf("%s: the input has it at %v, want %v", s, got, inInput)
		}
		if got := ofTable.Peek(s); !slices.Equal(got, inTable) || counts[s] != len(inTable) {
			t.Errorf("%s: the table has it at %v and %d times, want %v", s, got, counts[s], inTable)
		}
		if _, ok := lengths.Peek(s); ok != (len(inInput) > 0) {
			t.Errorf("%s: in lengths: %v", s, ok)
		}
		if _, ok := indexed.Peek(s); ok != (len(inTable) > 0) {
			t.Errorf("%s: indexed: %v", s, ok)
		}
	}
	check("a", []int{1, 2}, []int{1, 2})
	check("b", []int{3}, []int{3})
	check("c", []int{4}, nil)
	input.Set(2, "b")
	input.Delete(1)
	derived.Release(3)
	e.Run()
	check("a", nil, nil)
	check("b", []int{2, 3}, []int{2})
}
