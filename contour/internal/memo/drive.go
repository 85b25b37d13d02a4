package memo

import "slices"

// Drive makes the table hold every key that the index has, for as long as the index has it.
func Drive[K, S comparable, V any](ix *Index[K, S], t *Table[K, V]) {
	ix.Values(func(k K) bool { t.Demand(k); return true })
	ix.presence = append(ix.presence, func(k K, present bool) {
		if present {
			t.Demand(k)
		} else {
			t.Release(k)
		}
	})
}

// Hold makes the table hold the keys that the values of another table say, as long as a value says them. It is what an
// index that nobody reads and Drive would do, without the index.
func Hold[S, K comparable, U, V any](from source[S, U], t *Table[K, V], of func(S, U) []K) {
	Follow(from, of, func(k K, said bool) {
		if said {
			t.Demand(k)
		} else {
			t.Release(k)
		}
	})
}

// Follow calls f for everything that the values of a table say, at once for those that are there: with true for each
// value that says it, with false when that value does not say it any more. What a value says before and after a change
// is passed with true first, so that it is never thought to be gone; f may not change the table.
func Follow[S, K comparable, U any](from source[S, U], of func(S, U) []K, f func(k K, said bool)) {
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

// owner is a table whose derivation of a key reads another table at the same key. That takes no note of each read:
// the table is told by key.
type owner[K comparable] struct {
	reads func(n *node, k K) bool
	dirty func(k K)
}

// is reports whether n is the entry of the owning table with that key.
func (o *owner[K]) is(n *node, k K) bool { return o.reads != nil && o.reads(n, k) }

func (o *owner[K]) invalidate(k K) {
	if o.dirty != nil {
		o.dirty(k)
	}
}

func ownedBy[K comparable, V any](t *Table[K, V]) owner[K] {
	return owner[K]{
		reads: func(n *node, k K) bool {
			d, ok := n.self.(*derived[K, V])
			return ok && d.table == t && d.key == k
		},
		dirty: func(k K) {
			if d, ok := t.entries.get(k); ok {
				d.mark(dirty)
			}
		},
	}
}

func (t *Input[K, V]) attach(o owner[K])  { t.own = o }
func (ix *Index[I, K]) attach(o owner[I]) { ix.own = o }

// attachable is an Input or an Index.
type attachable[K comparable] interface{ attach(owner[K]) }

// Attach tells that the derivations of t read from an input or an index at their own key. It may be read at any key
// all the same; but where most keys have nothing there, a note of that for each of them is saved.
func Attach[K comparable, V any](from attachable[K], t *Table[K, V]) { from.attach(ownedBy(t)) }
