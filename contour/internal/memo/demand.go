package memo

import "slices"

// DemandIndexed demands every term of the index as a key of the table, while the index has a key for the term.
func DemandIndexed[K, S comparable, V any](ix *Index[K, S], t *Table[K, V]) {
	ix.Terms(func(k K) bool { t.Demand(k); return true })
	ix.presence = append(ix.presence, func(k K, present bool) {
		if present {
			t.Demand(k)
		} else {
			t.Release(k)
		}
	})
}

// DemandFrom demands the keys that of returns for the values of another table, while a value returns them. It has the
// effect of an index and DemandIndexed, without the memory of the index.
func DemandFrom[S, K comparable, U, V any](from source[S, U], t *Table[K, V], of func(S, U) []K) {
	Follow(from, of, func(k K, present bool) {
		if present {
			t.Demand(k)
		} else {
			t.Release(k)
		}
	})
}

// Follow calls f for each key that of returns for the values of a table, first for the present values: with true for
// each value that returns the key, with false when that value no longer returns it. After a change of a value, f
// receives the keys of the new value first, so that a key in both never appears absent. f does not change the table.
func Follow[S, K comparable, U any](from source[S, U], of func(S, U) []K, f func(k K, present bool)) {
	from.onChange(func(s S, old, new *U) {
		var before, after []K
		if old != nil {
			before = of(s, *old)
		}
		if new != nil {
			after = of(s, *new)
		}
		if slices.Equal(before, after) {
			return
		}
		for _, k := range after {
			f(k, true)
		}
		for _, k := range before {
			f(k, false)
		}
	})
}
