package memo

// ReadEverywhere declares that nearly all derivations of t read the input. Their reads are not recorded, which saves an edge
// for each of them; instead, a change of any value of the input runs all derivations of t again. It is for inputs that rarely
// change.
func ReadEverywhere[I, K comparable, U, V any](from *Input[I, U], t *Table[K, V]) {
	from.everywhere = append(from.everywhere, everywhere{&t.core, func() {
		t.entries.each(func(d *derived[K, V]) bool { d.mark(dirty); return true })
	}})
}

// everywhere is a table all of whose derivations read an input.
type everywhere struct {
	table   *core
	markAll func()
}

// unrecorded reports whether reads by n are not recorded.
func (t *Input[K, V]) unrecorded(n *node, k K) bool {
	if t.ownKeyReader.reads(n, k) {
		return true
	}
	for i := range t.everywhere {
		if t.everywhere[i].table == n.self.tableCore() {
			return true
		}
	}
	return false
}
