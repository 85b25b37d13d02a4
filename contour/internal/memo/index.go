package memo

import "slices"

// source is a table that can be indexed.
type source[K comparable, V any] interface {
	// onChange calls the function for every present value, as for a new one, and then for every change.
	onChange(func(k K, old, new *V))
	base() *core
}

// Index maps each term of the values of a table to the keys of the values that contain the term.
type Index[I, K comparable] struct {
	core
	source       int // the order of the indexed table
	compare      func(a, b K) int
	entries      keyed[I, *listed[I, K]]
	ownKeyReader ownKeyReader[I]
	hooks        []func(l *listed[I, K], k K, added bool) // called after each change of an entry
}

// NewIndex adds an index of a table: of returns the terms of a value (duplicates count once), compare orders the keys.
// The index of a Table contains its demanded keys, not those that are only read. It contains the present values at once.
func NewIndex[I, K comparable, V any](table source[K, V], name string, compare func(a, b K) int, of func(K, V) []I) *Index[I, K] {
	from := table.base()
	ix := &Index[I, K]{source: from.order, compare: compare, entries: newKeyed[I, *listed[I, K]]()}
	ix.core = core{engine: from.engine, name: name, order: from.order}
	ix.keyOf = func(n *node) any { return n.self.(*listed[I, K]).key }
	table.onChange(func(k K, old, new *V) {
		ix.move(k, guardedTerms(&ix.core, of, k, old), guardedTerms(&ix.core, of, k, new))
	})
	return ix
}

// Get returns the sorted keys of the values with the term i, and records the read. The caller does not modify the slice.
func (ix *Index[I, K]) Get(r *Reader, i I) []K {
	if ix.read(r, i) {
		return ix.Peek(i)
	}
	return ix.record(r, i).sorted()
}

// Len returns the number of keys of the values with the term i, and records the read. It does not make the list of them, which would cost
// a copy of it after each change.
func (ix *Index[I, K]) Len(r *Reader, i I) int {
	if ix.read(r, i) {
		return ix.Count(i)
	}
	return ix.record(r, i).len()
}

// read checks that the index is complete, and reports whether the reader need not record the read of an entry.
func (ix *Index[I, K]) read(r *Reader, i I) bool {
	if reader := r.node.self.tableCore(); ix.source >= reader.order {
		ix.engine.reportFault(r.node, "a derivation reads the index "+ix.name+" before it is complete")
	}
	return ix.ownKeyReader.reads(r.node, i)
}

// record records the read of an entry.
func (ix *Index[I, K]) record(r *Reader, i I) *listed[I, K] {
	l, ok := expected[*listed[I, K]](r)
	if !ok || l.index != ix || l.key != i {
		l = ix.entry(i)
	}
	r.record(ix.engine, &l.node)
	return l
}

// Peek returns the present sorted keys of the values with the term i, for callers outside the derivations.
func (ix *Index[I, K]) Peek(i I) []K {
	if l, ok := ix.entries.get(i); ok {
		return l.sorted()
	}
	return nil
}

// Count returns the present number of keys of the values with the term i, for callers outside the derivations.
func (ix *Index[I, K]) Count(i I) int {
	if l, ok := ix.entries.get(i); ok {
		return l.len()
	}
	return 0
}

// move replaces the terms of k.
func (ix *Index[I, K]) move(k K, before, after []I) {
	kept := membership(after)
	for _, i := range before {
		if !kept(i) {
			ix.remove(i, k)
		}
	}
	for _, i := range after {
		ix.insert(i, k)
	}
}

// membership returns a membership test for the list, which can have thousands of entries.
func membership[I comparable](list []I) func(I) bool {
	const short = 16
	if len(list) <= short {
		return func(i I) bool { return slices.Contains(list, i) }
	}
	set := make(map[I]bool, len(list))
	for _, i := range list {
		set[i] = true
	}
	return func(i I) bool { return set[i] }
}

func (ix *Index[I, K]) insert(i I, k K) {
	l := ix.entry(i)
	if l.has(k) {
		return
	}
	l.put(k, true)
	ix.changed(l, k, true)
}

func (ix *Index[I, K]) remove(i I, k K) {
	l := ix.entry(i)
	if !l.has(k) {
		return
	}
	l.put(k, false)
	if l.len() == 0 {
		ix.engine.dropLater(&l.node)
	}
	ix.changed(l, k, false)
}

func (ix *Index[I, K]) changed(l *listed[I, K], k K, added bool) {
	l.invalidate()
	ix.ownKeyReader.invalidate(l.key)
	for _, h := range ix.hooks {
		h(l, k, added)
	}
}

func (ix *Index[I, K]) entry(i I) *listed[I, K] {
	l, ok := ix.entries.get(i)
	if !ok {
		l = &listed[I, K]{index: ix, key: i}
		l.self = l
		ix.entries.add(l)
	}
	return l
}
