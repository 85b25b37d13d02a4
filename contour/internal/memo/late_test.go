package memo

import (
	"cmp"
	"slices"
	"testing"
)

// What follows a table that has values already is as if it had been there from the beginning.
func TestFollowersOfTablesWithValues(t *testing.T) {
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
	driven := NewTable(e, Options[string, int]{Name: "driven", Equal: eq[int], Derive: func(_ *Reader, s string) int { return len(s) }})
	said := map[string]int{}
	byText := func(_ int, s string) []string { return []string{s} }
	ofInput := NewIndex(input, "of the input", cmp.Compare[int], byText)
	ofTable := NewIndex(derived, "of the table", cmp.Compare[int], byText)
	Hold(input, lengths, byText)
	Drive(ofTable, driven)
	Follow(derived, byText, func(s string, is bool) {
		if is {
			said[s]++
		} else {
			said[s]--
		}
	})
	e.Run()
	check := func(s string, inInput, inTable []int) {
		t.Helper()
		if got := ofInput.Peek(s); !slices.Equal(got, inInput) {
			t.Errorf("%s: the input has it at %v, want %v", s, got, inInput)
		}
		if got := ofTable.Peek(s); !slices.Equal(got, inTable) || said[s] != len(inTable) {
			t.Errorf("%s: the table has it at %v and %d times, want %v", s, got, said[s], inTable)
		}
		if _, ok := lengths.Peek(s); ok != (len(inInput) > 0) {
			t.Errorf("%s: held: %v", s, ok)
		}
		if _, ok := driven.Peek(s); ok != (len(inTable) > 0) {
			t.Errorf("%s: driven: %v", s, ok)
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
