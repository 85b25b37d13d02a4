package memo

import (
	"cmp"
	"slices"
	"testing"
)

// A view has the part of each value: its readers see it, its index follows it, and a change of another part is no change.
func TestView(t *testing.T) {
	t.Parallel()
	type pair struct{ a, b int }
	e := New(nil)
	in := NewInput[int](e, "in", func(a, b pair) bool { return a == b })
	whole := NewTable(e, Options[int, pair]{
		Name: "whole", Equal: func(a, b pair) bool { return a == b },
		Derive: func(r *Reader, k int) pair { v, _ := in.Get(r, k); return v },
	})
	part := NewView(whole, func(p pair) int { return p.a }, func(a, b int) bool { return a == b })
	twice := NewTable(e, Options[int, int]{
		Name: "twice", Equal: func(a, b int) bool { return a == b },
		Derive: func(r *Reader, k int) int { return 2 * part.Get(r, k) },
	})
	byPart := NewIndex(part, "by part", cmp.Compare[int], func(_, v int) []int { return []int{v} })
	DemandFrom(part, twice, func(k, _ int) []int { return []int{k} })
	part.Watch()
	whole.Demand(1)
	in.Set(1, pair{5, 0})
	e.Run()
	if v, _ := twice.Peek(1); v != 10 || !slices.Equal(byPart.Peek(5), []int{1}) || len(part.Changes()) != 1 {
		t.Errorf("twice the part is %d, the index has %v", v, byPart.Peek(5))
	}
	in.Set(1, pair{5, 1})
	if e.Run(); len(part.Changes()) != 0 {
		t.Error("a change of another part is a change of the view")
	}
	in.Set(1, pair{6, 1})
	e.Run()
	ch := part.Changes()
	if v, _ := twice.Peek(1); v != 12 || len(ch) != 1 || *ch[0].Old != 5 || *ch[0].New != 6 || byPart.Count(5) != 0 {
		t.Errorf("twice the part is %d, the changes are %v", v, ch)
	}
	seen := 0
	for at := (Cursor{}); !at.Done(); at = part.Scan(at, 1, func(_, v int) { seen += v }) {
	}
	if seen != 6 {
		t.Errorf("a scan finds %d", seen)
	}
}
