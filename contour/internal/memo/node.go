package memo

// state is whether the value of a node is up to date.
type state uint8

const (
	clean     state = iota // the value is up to date
	maybe                  // a value that it read, directly or not, may have changed
	verifying              // as maybe, while the nodes that it read are refreshed
	dirty                  // a value that it read has changed, or it never ran
)

// node is one key of one table in the graph of reads. There are about ten nodes for each object, so their size
// matters.
type node struct {
	self    cell
	deps    []*node // the nodes that it read, in the order of the reads
	readers edges
	demand  int32 // calls of Demand without Release
	state   state
	running bool // its derivation runs
	has     bool // it has a value: one was set, or its derivation has run at least once
	seen    bool // temporary mark while a list is traversed
}

// cell is the table entry of a node.
type cell interface {
	tableCore() *core
	recompute() // run the derivation, of a derived entry
	drop() bool // remove the entry, which is unused; false if it stays
}

// unused reports whether the node has no reader and no demand.
func (n *node) unused() bool { return n.demand == 0 && n.readers.empty() }

// invalidate marks the readers of n dirty after a change of its value.
func (n *node) invalidate() {
	n.markReaders(dirty)
}

// mark raises the state of n, and marks everything downstream as possibly stale.
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
		n.self.tableCore().enqueue(n)
	}
	n.markReaders(maybe)
}

// markReaders marks the readers of n, or defers that.
func (n *node) markReaders(s state) {
	marked := 0
	n.readers.each(n, func(r *node) {
		if t := r.self.tableCore(); t.owner != nil && r.state < s {
			if marked++; marked > atOnce {
				t.engine.deferred.add(t.owner(r), r, s)
				return
			}
		}
		r.mark(s)
	})
}

// refresh updates n: first the nodes that it read, then, if one of them changed, n itself. A node that n read can read n
// now, because n does not read it any more; n then runs while it is being verified.
func (n *node) refresh() {
	if n.state == verifying {
		n.state = dirty
	}
	for n.state == maybe {
		n.state = verifying
		n.verify()
	}
	if n.state == dirty {
		n.self.recompute()
	}
}

// verify refreshes the nodes that n read, in the order of the reads, until one of them changes or n runs: n may not need the
// later ones any more. If none changed, n is clean.
func (n *node) verify() {
	for _, d := range n.deps {
		switch {
		case d.running: // it is about to read n; only n itself can find out whether it still reads d
			n.state = dirty
		case d.state != clean:
			d.refresh()
		}
		if n.state != verifying {
			return
		}
	}
	n.state = clean
}

// rewire replaces the deps of n. Neither list has a node twice.
func (n *node) rewire(deps []*node) {
	former := n.deps
	n.deps = deps
	for _, d := range former {
		d.seen = true
	}
	for _, d := range deps {
		if !d.seen {
			d.readers.add(n)
		}
		d.seen = false
	}
	var released []*node // those that deps does not have are still marked
	for _, d := range former {
		if d.seen {
			d.seen = false
			released = append(released, d)
		}
	}
	for _, d := range released { // which uses marks of its own
		d.release(n)
	}
}

// release removes reader, whose deps no longer contain n, from the readers of n.
func (n *node) release(reader *node) {
	n.readers.remove(n, reader)
	if n.unused() {
		n.self.tableCore().engine.dropLater(n)
	}
}
