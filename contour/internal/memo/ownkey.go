package memo

// ownKeyReader is a table whose derivation of a key reads an input or an index at the same key. Such reads are not
// recorded; instead, a change of the key marks the entry of the table with that key.
type ownKeyReader[K comparable] struct {
	isEntry   func(n *node, k K) bool
	markDirty func(k K)
}

// reads reports whether n is the entry of the reading table with that key.
func (o *ownKeyReader[K]) reads(n *node, k K) bool { return o.isEntry != nil && o.isEntry(n, k) }

func (o *ownKeyReader[K]) invalidate(k K) {
	if o.markDirty != nil {
		o.markDirty(k)
	}
}

func newOwnKeyReader[K comparable, V any](t *Table[K, V]) ownKeyReader[K] {
	return ownKeyReader[K]{
		isEntry: func(n *node, k K) bool {
			d, ok := n.self.(*derived[K, V])
			return ok && d.table == t && d.key == k
		},
		markDirty: func(k K) {
			if d, ok := t.entries.get(k); ok {
				d.mark(dirty)
			}
		},
	}
}

func (t *Input[K, V]) ownKeyReaderOf() *ownKeyReader[K]  { return &t.ownKeyReader }
func (ix *Index[I, K]) ownKeyReaderOf() *ownKeyReader[I] { return &ix.ownKeyReader }

// ownKeySource is an Input or an Index.
type ownKeySource[K comparable] interface {
	ownKeyReaderOf() *ownKeyReader[K]
	base() *core
}

// ReadAtOwnKey declares that the derivations of t read an input or an index at their own key. Reads at other keys stay
// possible. It saves an entry for each key at which the derivations find nothing. It panics at the second table for one
// input or index: reads of the first would get lost.
func ReadAtOwnKey[K comparable, V any](from ownKeySource[K], t *Table[K, V]) {
	reader := from.ownKeyReaderOf()
	if reader.isEntry != nil {
		panic("memo: " + from.base().name + " already has a table that reads it at its own key, besides " + t.name)
	}
	*reader = newOwnKeyReader(t)
}
