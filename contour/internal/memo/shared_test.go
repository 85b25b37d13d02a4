package memo

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// The shared terms of a key are those that another key has too, after any changes, and what reads them at its own key is
// derived again when they change.
func TestShared(t *testing.T) {
	t.Parallel()
	e := New(nil)
	in := NewInput[int](e, "in", slices.Equal[[]int])
	ix := NewIndex(in, "keys by term", cmp.Compare[int], func(_ int, terms []int) []int { return terms })
	shared := NewShared(ix, "shared terms by key", cmp.Compare[int])
	sums := NewTable(e, Options[int, int]{
		Name: "sum of shared terms", Equal: func(a, b int) bool { return a == b },
		Derive: func(r *Reader, k int) (sum int) {
			for _, term := range shared.Get(r, k) {
				sum += term
			}
			return sum
		},
	})
	ReadAtOwnKey(shared, sums)
	const keys = 30
	for k := range keys {
		sums.Demand(k)
	}
	terms := map[int][]int{}
	for range 2000 {
		k := rand.IntN(keys)
		if terms[k] = nil; rand.IntN(3) > 0 {
			for range rand.IntN(4) {
				terms[k] = append(terms[k], 1+rand.IntN(8))
			}
		}
		in.Set(k, terms[k])
		e.Run()
		for k, own := range terms {
			var want []int
			for _, term := range own {
				for other := range terms {
					if other != k && slices.Contains(terms[other], term) && !slices.Contains(want, term) {
						want = append(want, term)
					}
				}
			}
			slices.Sort(want)
			sum := 0
			for _, term := range want {
				sum += term
			}
			if got, _ := sums.Peek(k); got != sum || !slices.Equal(shared.Peek(k), want) {
				t.Fatalf("key %d shares %v, with the sum %d; want %v", k, shared.Peek(k), got, want)
			}
		}
	}
}
