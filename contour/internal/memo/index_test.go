package memo

import (
	"cmp"
	"runtime"
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

// A derivation that reads how many keys have a term follows each change of them, and does not cost a copy of the list.
func TestLen(t *testing.T) {
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	numbers := NewInput[int](e, "numbers", eq[string])
	ix := NewIndex(numbers, "by name", cmp.Compare[int], func(_ int, name string) []string { return []string{name} })
	lengths := NewTable(e, Options[string, int]{Name: "lengths", Equal: eq[int], Derive: func(r *Reader, name string) int { return ix.Len(r, name) }})
	DemandFrom(numbers, lengths, func(_ int, name string) []string { return []string{name} })
	lengths.Watch()
	set := func(present bool, keys ...int) {
		for _, k := range keys {
			if present {
				numbers.Set(k, "a")
			} else {
				numbers.Delete(k)
			}
		}
		e.Run()
	}
	const n = 10_000
	for k := range n {
		set(true, k)
	}
	if got, _ := lengths.Peek("a"); got != n {
		t.Fatalf("%d, want %d", got, n)
	}
	for _, step := range []struct {
		present bool
		keys    []int
		want    int
	}{{true, []int{n}, n + 1}, {false, []int{3}, n}, {false, []int{4, n}, n - 2}, {true, []int{3, 4}, n}} {
		set(step.present, step.keys...)
		if got, _ := lengths.Peek("a"); got != step.want {
			t.Errorf("%d after %+v", got, step)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const changes = 100
	for k := range changes {
		set(false, k)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / changes; each > n {
		t.Errorf("%d bytes are allocated for each change", each)
	}
	if got := ix.Peek("a"); len(got) != n-changes || got[0] != changes {
		t.Errorf("%d keys from %d", len(got), got[0])
	}
}
