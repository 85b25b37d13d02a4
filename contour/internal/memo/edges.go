package memo

import "slices"

// edges is the readers of a node. Most nodes have one, which takes no memory of its own.
type edges struct {
	only *node // the one reader, where there is no more than one
	more *readers
}

// readers is a list that may name nodes that have stopped reading, so that one of tens of thousands leaves without
// being searched for: what a node reads stands in the node itself. Whoever left and came back is named twice.
type readers struct {
	list []*node
	gone int // how many entries of the list do not count
}

func (e *edges) empty() bool {
	return e.only == nil && (e.more == nil || len(e.more.list) == e.more.gone)
}

// add takes in n, which is none of the readers.
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

// remove takes out n, which was one of the readers of the node of and does not name it any more.
func (e *edges) remove(of, n *node) {
	if e.more == nil {
		e.only = nil
		return
	}
	e.more.gone++
	if e.more.gone <= len(e.more.list)/2 {
		return
	}
	switch e.more.compact(of); len(e.more.list) {
	case 0:
		e.more = nil
	case 1:
		e.only, e.more = e.more.list[0], nil
	}
}

// each calls f for every reader of the node of, perhaps more than once; f may not change the readers.
func (e *edges) each(of *node, f func(*node)) {
	if e.only != nil {
		f(e.only)
	}
	if e.more == nil {
		return
	}
	for _, r := range e.more.list {
		if e.more.gone == 0 || slices.Contains(r.deps, of) {
			f(r)
		}
	}
}

// compact leaves the readers of the node of, once each.
func (m *readers) compact(of *node) {
	kept := make([]*node, 0, len(m.list)-m.gone)
	for _, r := range m.list {
		if !r.seen && slices.Contains(r.deps, of) {
			r.seen = true
			kept = append(kept, r)
		}
	}
	for _, r := range kept {
		r.seen = false
	}
	m.list, m.gone = kept, 0
}
