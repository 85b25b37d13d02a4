package memo

import (
	"cmp"
	"slices"
	"testing"
)

// A value can have thousands of terms; after a change the index finds it only by its present terms.
func TestValueWithManyTerms(t *testing.T) {
	const n = 1000
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	ranges := NewInput[string](e, "ranges", eq[[2]int])
	ix := NewIndex(ranges, "members", cmp.Compare[string], func(_ string, r [2]int) []int {
		var members []int
		for i := r[0]; i < r[1]; i++ {
			members = append(members, i, i)
		}
		return members
	})
	ranges.Set("a", [2]int{0, n})
	ranges.Set("b", [2]int{5, 6})
	ranges.Set("a", [2]int{5, n + 5})
	e.Run()
	for i, want := range map[int][]string{0: nil, 4: nil, 5: {"a", "b"}, 6: {"a"}, n + 4: {"a"}, n + 5: nil} {
		if got := ix.Peek(i); !slices.Equal(got, want) {
			t.Errorf("%d is a term of %v, want %v", i, got, want)
		}
	}
}
