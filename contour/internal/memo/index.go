package memo

import "slices"

// source is a table that an Index can turn around.
type source[K comparable, V any] interface {
	// onChange calls the function for every value that is there, as one that is new, and then for every change.
	onChange(func(k K, old, new *V))
	stratum() int
	at() *Engine
}

// Index holds, for each thing that the values of a table say, the keys of the values that say it.
type Index[I, K comparable] struct {
	core
	source   int // the stratum of the indexed table
	compare  func(a, b K) int
	entries  keyed[I, *listed[I, K]]
	presence []func(i I, present bool)
	own      owner[I]
	pairs    int
}

// NewIndex turns table around: of says what a value is found by (duplicates count once), compare orders the keys.
// Of a Table it lists the keys that are held by Demand, not those that are merely read. What the table holds already is in the index.
func NewIndex[I, K comparable, V any](table source[K, V], name string, compare func(a, b K) int, of func(K, V) []I) *Index[I, K] {
	ix := &Index[I, K]{source: table.stratum(), compare: compare, entries: newKeyed[I, *listed[I, K]]()}
	ix.core = core{engine: table.at(), name: name, order: table.stratum()}
	ix.keyOf = func(n *node) any { return n.self.(*listed[I, K]).key }
	table.onChange(func(k K, old, new *V) {
		var before, after []I
		if old != nil {
			before = of(k, *old)
		}
		if new != nil {
			after = of(k, *new)
		}
		ix.move(k, before, after)
	})
	return ix
}

// Get is the sorted keys found by i, none if there are none, recorded as read. The slice may not be changed.
func (ix *Index[I, K]) Get(r *Reader, i I) []K {
	if reader := r.node.self.owner(); ix.source >= reader.order {
		ix.engine.bug(r.node, "a derivation reads the index "+ix.name+" before it is complete")
	}
	if ix.own.is(r.node, i) {
		return ix.Peek(i)
	}
	l, ok := expected[*listed[I, K]](r)
	if !ok || l.index != ix || l.key != i {
		l = ix.entry(i)
	}
	r.record(ix.engine, &l.node)
	return l.sorted()
}

// Peek is the sorted keys found by i as of now, for whoever stands outside the derivations.
func (ix *Index[I, K]) Peek(i I) []K {
	if l, ok := ix.entries.get(i); ok {
		return l.sorted()
	}
	return nil
}

// Count is the number of keys found by i as of now, for whoever stands outside the derivations.
func (ix *Index[I, K]) Count(i I) int {
	if l, ok := ix.entries.get(i); ok {
		return l.len()
	}
	return 0
}

// Pairs is how many pairs of a thing and a key found by it there are as of now.
func (ix *Index[I, K]) Pairs() int { return ix.pairs }

// Values calls f for everything that has at least one key, in no particular order, until it returns false; f may not change the index.
func (ix *Index[I, K]) Values(f func(I) bool) {
	ix.entries.each(func(l *listed[I, K]) bool { return l.len() == 0 || f(l.key) })
}

// move takes k out of what it was found by and puts it into what it is found by.
func (ix *Index[I, K]) move(k K, before, after []I) {
	stays := among(after)
	for _, i := range before {
		if !stays(i) {
			ix.remove(i, k)
		}
	}
	for _, i := range after {
		ix.insert(i, k)
	}
}

// among tells what is in the list, which has thousands of entries if a user's object names thousands of things.
func among[I comparable](list []I) func(I) bool {
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
	ix.pairs++
	if l.len() == 1 {
		ix.announce(i, true)
	}
	ix.changed(l)
}

func (ix *Index[I, K]) remove(i I, k K) {
	l := ix.entry(i)
	if !l.has(k) {
		return
	}
	l.put(k, false)
	ix.pairs--
	if l.len() == 0 {
		ix.announce(i, false)
		ix.engine.forget(&l.node)
	}
	ix.changed(l)
}

func (ix *Index[I, K]) changed(l *listed[I, K]) {
	l.invalidate()
	ix.own.invalidate(l.key)
}

func (ix *Index[I, K]) announce(i I, present bool) {
	for _, p := range ix.presence {
		p(i, present)
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
