package memo

// Missing calls f for every absent value of an Input that the derivation of k read, directly or through other
// derivations, with the name of the Input and the key. It can report a value more than once. Reads that ReadAtOwnKey
// declares are not recorded and therefore not reported. It is for tests: that of package compile verifies with it that the
// references of objects are complete.
func (t *Table[K, V]) Missing(k K, f func(input string, key any)) {
	if d, ok := t.entries.get(k); ok {
		missing(&d.node, map[*node]bool{}, f)
	}
}

func missing(n *node, seen map[*node]bool, f func(input string, key any)) {
	if seen[n] {
		return
	}
	seen[n] = true
	of := n.self.tableCore()
	if of.input && !n.has {
		f(of.name, of.keyOf(n))
	}
	for _, d := range n.deps {
		missing(d, seen, f)
	}
}
