package memo

import "slices"

// DemandFrom demands the keys that of returns for the values of another table, while a value returns them.
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
	table := from.base()
	from.onChange(func(s S, old, new *U) {
		before, after := guardedTerms(table, of, s, old), guardedTerms(table, of, s, new)
		if slices.Equal(before, after) {
			return
		}
		for _, k := range after {
			guard(table, s, func() { f(k, true) })
		}
		for _, k := range before {
			guard(table, s, func() { f(k, false) })
		}
	})
}
