package memo

// NewShared adds an index of an index: it maps each key to those of its terms that other keys have too, sorted by compare.
// Its memory is proportional to what is shared, and a change of a term of one key is O(1) changes of it.
func NewShared[I, K comparable](of *Index[I, K], name string, compare func(a, b I) int) *Index[K, I] {
	ix := &Index[K, I]{source: of.source, compare: compare, entries: newKeyed[K, *listed[K, I]]()}
	ix.core = core{engine: of.engine, name: name, order: of.order}
	ix.keyOf = func(n *node) any { return n.self.(*listed[K, I]).key }
	of.hooks = append(of.hooks, func(l *listed[I, K], k K, added bool) {
		switch n := l.len(); {
		case added && n == 2:
			for _, each := range l.sorted() {
				ix.insert(each, l.key)
			}
		case added && n > 2:
			ix.insert(k, l.key)
		case !added && n > 0:
			if ix.remove(k, l.key); n == 1 {
				ix.remove(l.sorted()[0], l.key)
			}
		}
	})
	return ix
}
