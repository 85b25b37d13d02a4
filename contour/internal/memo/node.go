package memo

import "slices"

// state says how far a node can be trusted.
type state uint8

const (
	clean state = iota // the value is right
	maybe              // something it read, directly or not, may have changed
	dirty              // something it read has changed, or it never ran
)

// node is one key of one table in the graph of who read whom. There are ten of them for each object of a user, so
// their size counts.
type node struct {
	self    cell
	deps    []*node // what it read, in the order it was read
	readers edges
	demand  int32 // how many drivers want it
	state   state
	running bool
	has     bool // it has a value: one was set, or it has run at least once
	seen    bool // for a moment, while a list is gone through
}

// cell is what the graph asks of the table entry behind a node.
type cell interface {
	owner() *core
	recompute() // run the derivation; only for derived entries
	drop() bool // forget the entry, which nobody reads or wants; false if it stays all the same
}

// unused reports whether nobody reads or wants the node.
func (n *node) unused() bool { return n.demand == 0 && n.readers.empty() }

// invalidate tells the readers that the value of n has changed.
func (n *node) invalidate() {
	n.readers.each(n, func(r *node) { r.mark(dirty) })
}

// mark raises the state of n, and lets everything downstream know that it may be stale.
func (n *node) mark(s state) {
	if n.state >= s {
		return
	}
	was := n.state
	n.state = s
	if was != clean {
		return
	}
	if n.demand > 0 {
		n.self.owner().enqueue(n)
	}
	n.readers.each(n, func(r *node) { r.mark(maybe) })
}

// refresh brings n up to date: first what it read, then, if any of that changed, itself.
func (n *node) refresh() {
	if n.state == maybe {
		n.running = true
		n.verify()
		n.running = false
	}
	switch n.state {
	case dirty:
		n.self.recompute()
	case maybe:
		n.state = clean
	case clean:
	}
}

// verify refreshes what n read, in the order it was read, until something turns out to have changed:
// what comes after that read may not be needed any more.
func (n *node) verify() {
	for _, d := range n.deps {
		if d.state != clean {
			d.refresh()
		}
		if n.state == dirty {
			return
		}
	}
}

// rewire replaces what n read. Neither list has a node twice.
func (n *node) rewire(deps []*node) {
	former := n.deps
	n.deps = deps
	had, has := nodeSet(former), nodeSet(deps)
	for _, d := range deps {
		if !had(d) {
			d.readers.add(n)
		}
	}
	for _, d := range former {
		if !has(d) {
			d.release(n)
		}
	}
}

// release takes reader, which does not read n any more, out of the readers of n.
func (n *node) release(reader *node) {
	n.readers.remove(n, reader)
	if n.unused() {
		n.self.owner().engine.forget(n)
	}
}

// nodeSet is a membership test for nodes.
func nodeSet(nodes []*node) func(*node) bool {
	const few = 16
	if len(nodes) <= few {
		return func(n *node) bool { return slices.Contains(nodes, n) }
	}
	set := make(map[*node]struct{}, len(nodes))
	for _, n := range nodes {
		set[n] = struct{}{}
	}
	return func(n *node) bool { _, ok := set[n]; return ok }
}
