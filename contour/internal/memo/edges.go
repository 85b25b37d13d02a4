package memo

import "slices"

// edges is the readers of a node. Most nodes have one reader, which is stored without an allocation.
type edges struct {
	only *node // the reader, if there is exactly one
	more *readers
}

// readers is a list that can contain nodes that no longer read, so that the removal of one of tens of thousands needs no
// search: the deps of a node are authoritative. A node that is removed and added again occurs twice.
type readers struct {
	list  []*node
	stale int // entries of nodes that were removed
}

func (e *edges) empty() bool {
	return e.only == nil && (e.more == nil || len(e.more.list) == e.more.stale)
}

// add adds n, which is not a reader.
func (e *edges) add(n *node) {
	switch {
	case e.more != nil:
		e.more.list = append(e.more.list, n)
	case e.only == nil:
		e.only = n
	default:
		e.only, e.more = nil, &readers{list: []*node{e.only, n}}
	}
}

// remove removes n, a reader of the node of, from whose deps of is already removed.
func (e *edges) remove(of, n *node) {
	if e.more == nil {
		e.only = nil
		return
	}
	e.more.stale++
	if e.more.stale <= len(e.more.list)/2 {
		return
	}
	switch e.more.compact(of); len(e.more.list) {
	case 0:
		e.more = nil
	case 1:
		e.only, e.more = e.more.list[0], nil
	}
}

// each calls f for every reader of the node of, possibly more than once. f does not change the readers.
func (e *edges) each(of *node, f func(*node)) {
	if e.only != nil {
		f(e.only)
	}
	if e.more == nil {
		return
	}
	for _, r := range e.more.list {
		if e.more.stale == 0 || slices.Contains(r.deps, of) {
			f(r)
		}
	}
}

// compact keeps the readers of the node of, once each.
func (m *readers) compact(of *node) {
	kept := make([]*node, 0, len(m.list)-m.stale)
	for _, r := range m.list {
		if !r.seen && slices.Contains(r.deps, of) {
			r.seen = true
			kept = append(kept, r)
		}
	}
	for _, r := range kept {
		r.seen = false
	}
	m.list, m.stale = kept, 0
}
