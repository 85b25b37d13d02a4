package memo

import "contour.example/contour/internal/fairqueue"

// atOnce is how many readers of one value, in tables with Options.DeferBy, are updated together when it changes.
const atOnce = 1

// deferred is the entries that a change concerns and that are not marked yet. Owners are served in round robin, so that a change
// that concerns many entries of one owner does not hold up those of others.
type deferred struct {
	queue   fairqueue.Queue[*node]
	marks   map[*node]*deferredMark
	current *Deferral // of what is deferred now; nil: it is not tracked
}

// deferredMark is the mark that an entry gets.
type deferredMark struct {
	state state
	of    []*Deferral
}

// Deferral is the keys that a call deferred (TrackDeferred).
type Deferral struct{ left int }

// Done reports whether none of the keys is deferred any more.
func (d *Deferral) Done() bool { return d.left == 0 }

// add defers the mark of n. An entry that waits already keeps its place.
func (d *deferred) add(owner string, n *node, s state) {
	m := d.marks[n]
	if m == nil {
		if d.marks == nil {
			d.marks = map[*node]*deferredMark{}
		}
		m = &deferredMark{}
		d.marks[n] = m
		d.queue.Push(owner, n)
	}
	m.state = max(m.state, s)
	if last := len(m.of) - 1; d.current != nil && (last < 0 || m.of[last] != d.current) {
		m.of = append(m.of, d.current)
		d.current.left++
	}
}

// next updates the next entry. Its readers are marked only if its value changes: a value that was read by the entries of many keys, but
// is equal in the end, would otherwise cost as many times what reads them in common.
func (d *deferred) next() {
	n, _ := d.queue.Pop()
	m := d.marks[n]
	if delete(d.marks, n); len(d.marks) == 0 {
		d.marks = nil
	}
	for _, of := range m.of {
		of.left--
	}
	switch {
	case n.self == nil:
	case n.state != clean: // its readers are marked
		n.mark(m.state)
	default:
		n.state = m.state
		n.refresh()
	}
}

// Deferred reports whether there are keys that are not updated yet (RunWhile).
func (e *Engine) Deferred() bool { return e.deferred.queue.Len() > 0 }

// TrackDeferred calls change, which changes inputs, and returns the keys that this defers.
func (e *Engine) TrackDeferred(change func()) *Deferral {
	d := &Deferral{}
	e.deferred.current = d
	change()
	e.deferred.current = nil
	return d
}
