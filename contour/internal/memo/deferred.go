package memo

// atOnce is how many readers of one value, in tables with Options.Defer, are updated together when it changes.
const atOnce = 1

// deferred is the entries that a change concerns and that are not marked yet, in the order in which they were deferred.
type deferred struct {
	queue []*node
	marks map[*node]state
	taken uint64 // entries that were in the queue
}

// add defers the mark of n. An entry that waits already keeps its place.
func (d *deferred) add(n *node, s state) {
	if d.marks == nil {
		d.marks = map[*node]state{}
	}
	was, waits := d.marks[n]
	if !waits {
		d.queue = append(d.queue, n)
	}
	d.marks[n] = max(was, s)
}

// next marks the first entry.
func (d *deferred) next() {
	n := d.queue[0]
	s := d.marks[n]
	delete(d.marks, n)
	d.taken++
	if d.queue = d.queue[1:]; len(d.queue) == 0 {
		d.queue, d.marks = nil, nil
	}
	if n.self != nil {
		n.mark(s)
	}
}

// Deferrals returns how many keys were deferred since the start (RunWhile), and how many of these, in that order, were updated.
func (e *Engine) Deferrals() (deferred, updated uint64) {
	return e.deferred.taken + uint64(len(e.deferred.queue)), e.deferred.taken
}
