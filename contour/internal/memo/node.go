package memo

import "slices"

// state says how far a node can be trusted.
type state uint8

const (
	clean state = iota // the value is right
	maybe              // something it read, directly or not, may have changed
	dirty              // something it read has changed, or it never ran
)

// node is one key of one table in the graph of who read whom.
type node struct {
	self    cell
	state   state
	running bool
	demand  int // how many drivers want it
	deps    []*node
	readers edges
}

// cell is what the graph asks of the table entry behind a node.
type cell interface {
	owner() *core
	recompute() // run the derivation; only for derived entries
	drop() bool // forget the entry, which nobody reads or wants; false if it stays all the same
}

// unused reports whether nobody reads or wants the node.
func (n *node) unused() bool { return n.demand == 0 && n.readers.len() == 0 }

// invalidate tells the readers that the value of n has changed.
func (n *node) invalidate() {
	n.readers.each(func(r *node) { r.mark(dirty) })
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
	n.readers.each(func(r *node) { r.mark(maybe) })
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

// rewire replaces what n read; former is what it read before.
func (n *node) rewire(former, deps []*node) {
	n.deps = deps
	keep := nodeSet(deps)
	for _, d := range former {
		if !keep(d) {
			d.release(n)
		}
	}
	for _, d := range deps {
		d.readers.add(n)
	}
}

// release takes reader out of the readers of n.
func (n *node) release(reader *node) {
	n.readers.remove(reader)
	if n.unused() {
		n.self.owner().engine.forget(n)
	}
}

// nodeSet is a membership test for nodes.
func nodeSet(nodes []*node) func(*node) bool {
	if len(nodes) <= manyEdges {
		return func(n *node) bool { return slices.Contains(nodes, n) }
	}
	set := make(map[*node]struct{}, len(nodes))
	for _, n := range nodes {
		set[n] = struct{}{}
	}
	return func(n *node) bool { _, ok := set[n]; return ok }
}

// manyEdges is the size from which a map is cheaper than a search.
const manyEdges = 16

// edges is a set of nodes in the order they came: a slice while it is small, indexed by a map when it is not.
type edges struct {
	list []*node
	at   map[*node]int // nil while the list is small
}

func (e *edges) len() int { return len(e.list) }

func (e *edges) find(n *node) int {
	if e.at == nil {
		return slices.Index(e.list, n)
	}
	if i, ok := e.at[n]; ok {
		return i
	}
	return -1
}

func (e *edges) add(n *node) {
	if e.find(n) >= 0 {
		return
	}
	e.list = append(e.list, n)
	if e.at != nil {
		e.at[n] = len(e.list) - 1
	} else if len(e.list) > manyEdges {
		e.at = make(map[*node]int, 2*manyEdges)
		for i, m := range e.list {
			e.at[m] = i
		}
	}
}

func (e *edges) remove(n *node) {
	i := e.find(n)
	if i < 0 {
		return
	}
	last := len(e.list) - 1
	e.list[i] = e.list[last]
	e.list[last] = nil
	e.list = e.list[:last]
	if e.at != nil {
		delete(e.at, n)
		if i < last {
			e.at[e.list[i]] = i
		}
	}
}

// each calls f for every node; f may not change the set.
func (e *edges) each(f func(*node)) {
	for _, n := range e.list {
		f(n)
	}
}
