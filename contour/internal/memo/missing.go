package memo

// Missing calls f for every value that the derivation of k asked an Input for and that is not there, directly or through
// the derivations that it read; with the name of the Input and the key. A value that is asked for twice may be reported
// twice. It is for callers outside the derivations.
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
	of := n.self.owner()
	if of.input && !n.has {
		f(of.name, of.keyOf(n))
	}
	for _, d := range n.deps {
		missing(d, seen, f)
	}
}
