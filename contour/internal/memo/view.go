package memo

// Derived is a derived table as others read, index and follow it: a Table, or a View of one.
type Derived[K comparable, V any] interface {
	source[K, V]
	// Get returns the value of k, derives it if necessary, and records the read.
	Get(r *Reader, k K) V
}

// View is a Table of which each reader needs only a part of the values, the same part. It has no entries of its own, so
// that it takes no memory; a change of another part of a value runs the readers of that key again.
type View[K comparable, V, U any] struct {
	of    *Table[K, V]
	part  func(V) U
	equal func(a, b U) bool
}

// NewView returns a view of a table. part returns the part of a value, equal compares two of them.
func NewView[K comparable, V, U any](of *Table[K, V], part func(V) U, equal func(a, b U) bool) *View[K, V, U] {
	return &View[K, V, U]{of: of, part: part, equal: equal}
}

// Get returns the part of the value of k, which is derived if necessary, and records the read.
func (v *View[K, V, U]) Get(r *Reader, k K) U { return v.part(v.of.Get(r, k)) }

// Peek returns the part of the value of k after the last Run, for callers outside the derivations.
func (v *View[K, V, U]) Peek(k K) (U, bool) {
	value, ok := v.of.Peek(k)
	return v.part(value), ok
}

// Keys calls f for every present key, as Table.Keys does.
func (v *View[K, V, U]) Keys(f func(K) bool) { v.of.Keys(f) }

// Scan calls f for about n keys and the parts of their values, as Table.Scan does.
func (v *View[K, V, U]) Scan(from Cursor, n int, f func(K, U)) Cursor {
	return v.of.Scan(from, n, func(k K, value V) { f(k, v.part(value)) })
}

// Watch starts the log of changes of the table.
func (v *View[K, V, U]) Watch() { v.of.Watch() }

// Changes returns the net changes of the parts since the last call, in the order in which the keys first changed.
func (v *View[K, V, U]) Changes() []Change[K, U] {
	var net []Change[K, U]
	for _, ch := range v.of.Changes() {
		c := Change[K, U]{Key: ch.Key, Old: v.partOf(ch.Old), New: v.partOf(ch.New)}
		if c.Old != nil && c.New != nil && guardedEqual(&v.of.core, v.equal, c.Key, *c.Old, *c.New) {
			continue
		}
		net = append(net, c)
	}
	return net
}

func (v *View[K, V, U]) partOf(value *V) *U {
	if value == nil {
		return nil
	}
	u := v.part(*value)
	return &u
}

func (v *View[K, V, U]) base() *core { return v.of.base() }

func (v *View[K, V, U]) onChange(h func(k K, old, new *U)) {
	v.of.onChange(func(k K, old, new *V) { h(k, v.partOf(old), v.partOf(new)) })
}
