package memo

import "slices"

// source is a table that an Index can turn around.
type source[K comparable, V any] interface {
	onChange(func(k K, old, new *V))
	stratum() int
	at() *Engine
}

// Index holds, for each thing that the values of a table say, the keys of the values that say it.
type Index[I, K comparable] struct {
	core
	source   int // the stratum of the indexed table
	compare  func(a, b K) int
	entries  map[I]*listed[I, K]
	presence []func(i I, present bool)
}

// listed is an entry of an Index. Changes are put off until somebody asks for the keys, so that n changes in a row
// cost one pass over the keys and not n.
type listed[I, K comparable] struct {
	node
	index   *Index[I, K]
	key     I
	keys    []K        // sorted, before what is pending; replaced and never changed in place
	pending map[K]bool // true: to be added to keys; false: to be taken out
	size    int        // of keys, with what is pending
}

// NewIndex turns table around: of says what a value is found by (duplicates count once), compare orders the keys.
// Of a Table it lists the keys that are held by Demand, not those that are merely read.
func NewIndex[I, K comparable, V any](table source[K, V], name string, compare func(a, b K) int, of func(K, V) []I) *Index[I, K] {
	ix := &Index[I, K]{source: table.stratum(), compare: compare, entries: map[I]*listed[I, K]{}}
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
	l := ix.entry(i)
	r.record(&l.node)
	return l.sorted()
}

// Peek is the sorted keys found by i as of now, for whoever stands outside the derivations.
func (ix *Index[I, K]) Peek(i I) []K {
	if l, ok := ix.entries[i]; ok {
		return l.sorted()
	}
	return nil
}

// Values calls f for everything that has at least one key, in no particular order, until it returns false.
func (ix *Index[I, K]) Values(f func(I) bool) {
	for i, l := range ix.entries {
		if l.size > 0 && !f(i) {
			return
		}
	}
}

// Drive makes the table hold every key that the index has, for as long as the index has it.
func Drive[K, S comparable, V any](ix *Index[K, S], t *Table[K, V]) {
	ix.presence = append(ix.presence, func(k K, present bool) {
		if present {
			t.Demand(k)
		} else {
			t.Release(k)
		}
	})
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
	if l.size == 1 {
		ix.announce(i, true)
	}
	l.invalidate()
}

func (ix *Index[I, K]) remove(i I, k K) {
	l := ix.entry(i)
	if !l.has(k) {
		return
	}
	l.put(k, false)
	if l.size == 0 {
		ix.announce(i, false)
		ix.engine.forget(&l.node)
	}
	l.invalidate()
}

func (ix *Index[I, K]) announce(i I, present bool) {
	for _, p := range ix.presence {
		p(i, present)
	}
}

func (ix *Index[I, K]) entry(i I) *listed[I, K] {
	l, ok := ix.entries[i]
	if !ok {
		l = &listed[I, K]{index: ix, key: i}
		l.self = l
		ix.entries[i] = l
	}
	return l
}

func (l *listed[I, K]) owner() *core { return &l.index.core }
func (l *listed[I, K]) recompute()   { l.state = clean }

func (l *listed[I, K]) drop() bool {
	if l.size > 0 {
		return false
	}
	delete(l.index.entries, l.key)
	return true
}

func (l *listed[I, K]) has(k K) bool {
	if present, ok := l.pending[k]; ok {
		return present
	}
	_, found := slices.BinarySearchFunc(l.keys, k, l.index.compare)
	return found
}

// put notes that k, which is not there if present and there if not, is to be added or taken out.
func (l *listed[I, K]) put(k K, present bool) {
	if present {
		l.size++
	} else {
		l.size--
	}
	if _, undone := l.pending[k]; undone {
		delete(l.pending, k)
		return
	}
	if l.pending == nil {
		l.pending = map[K]bool{}
	}
	l.pending[k] = present
}

// sorted is the keys in order.
func (l *listed[I, K]) sorted() []K {
	if len(l.pending) == 0 {
		return l.keys
	}
	added := slices.SortedFunc(func(yield func(K) bool) {
		for k, present := range l.pending {
			if present && !yield(k) {
				return
			}
		}
	}, l.index.compare)
	keys := make([]K, 0, l.size)
	for _, k := range l.keys {
		if _, gone := l.pending[k]; gone {
			continue
		}
		for len(added) > 0 && l.index.compare(added[0], k) < 0 {
			keys, added = append(keys, added[0]), added[1:]
		}
		keys = append(keys, k)
	}
	l.keys, l.pending = append(keys, added...), nil
	return l.keys
}
