package memo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	input := NewInput[string](e, "input", eq[int])
	index := NewIndex(input, "index", strings.Compare, func(_ string, v int) []int { return []int{v} })
	inner := NewTable(e, Options[string, int]{Name: "inner", Equal: eq[int], Derive: func(r *Reader, k string) int {
		a, _ := input.Get(r, k+"1")
		b, _ := input.Get(r, k+"2")
		return a + b
	}})
	outer := NewTable(e, Options[string, int]{Name: "outer", Equal: eq[int], Derive: func(r *Reader, k string) int {
		c, _ := input.Get(r, "outer")
		return c + inner.Get(r, k) + len(index.Get(r, 7))
	}})
	input.Set("a1", 1)
	outer.Demand("a")
	e.Run()
	missing := func() []string {
		var got []string
		outer.Missing("a", func(input string, key any) { got = append(got, fmt.Sprint(input, " ", key)) })
		slices.Sort(got)
		return got
	}
	if got, want := missing(), []string{"input a2", "input outer"}; !slices.Equal(got, want) {
		t.Errorf("missing %q, want %q", got, want)
	}
	input.Set("a2", 1)
	input.Set("outer", 1)
	e.Run()
	if got := missing(); len(got) > 0 {
		t.Errorf("missing %q, want nothing", got)
	}
	outer.Missing("none", func(string, any) { t.Error("an absent key has read nothing") })
}
