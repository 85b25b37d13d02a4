package table

import "sync/atomic"

// Change is the present state of a resource.
type Change struct {
	Ref      Ref
	Version  *Version // the effective version; nil if there is none
	Withheld bool     // with a nil Version: the resource exists, but Envoy rejects every known content
}

// Watch is the table as one Envoy sees it: it reports which resources changed, and takes the answers of the Envoy. Its
// memory between two calls of Take is bounded by the number of resources, however slow the session is.
type Watch struct {
	table *Table
	identity
	wake  chan struct{}
	all   bool
	dirty map[Ref]struct{}

	involved map[Ref]struct{} // resources that the Envoy has a view of, or cannot use
	learning atomic.Bool      // involved is not empty
}

// Watch starts a watch for the Envoy with that node name; the first Take returns the whole table. Close it after use.
func (t *Table) Watch(node string) *Watch { return t.WatchFrom(node, "") }

// WatchFrom is Watch for an Envoy that connected from that host.
func (t *Table) WatchFrom(node, address string) *Watch {
	w := &Watch{
		table: t, identity: identity{node, address}, wake: make(chan struct{}, 1), all: true,
		dirty: map[Ref]struct{}{}, involved: map[Ref]struct{}{},
	}
	w.wake <- struct{}{}
	defer t.step()()
	t.watches[w] = struct{}{}
	t.connected[w.identity]++
	if len(t.watches) == 1 {
		t.noteAll()
	}
	if len(t.verdicts) > 0 {
		t.unsupported.Store(true)
		t.claim(w)
		t.retryWithheld()
	}
	return w
}

// C returns a channel that receives a value after changes; one value may represent many changes.
func (w *Watch) C() <-chan struct{} { return w.wake }

// Take returns the changes since the last Take, in no particular order, and the sequence number
// of the last Publish that they contain. They contain each Publish completely or not at all.
func (w *Watch) Take() ([]Change, uint64) {
	t := w.table
	t.mu.Lock()
	defer t.mu.Unlock()
	var changes []Change
	if w.all {
		changes = w.everything()
	} else {
		for ref := range w.dirty {
			changes = append(changes, w.change(ref))
		}
	}
	w.all = false
	if len(w.dirty) > maxReused {
		w.dirty = map[Ref]struct{}{}
	}
	clear(w.dirty)
	return changes, t.seq
}

// maxReused is the number of changes up to which a watch reuses its map: clearing a large map is slow.
const maxReused = 256

// Close ends the watch: what the Envoy said is forgotten, unless others said the same or no other is connected.
func (w *Watch) Close() {
	t := w.table
	defer t.step()()
	if _, open := t.watches[w]; !open {
		return
	}
	delete(t.watches, w)
	if len(t.watches) == 0 {
		t.noteAll()
	}
	if t.connected[w.identity]--; t.connected[w.identity] == 0 {
		delete(t.connected, w.identity)
	}
	for ref := range w.involved {
		if e := t.entries[ref]; e != nil {
			delete(e.unusable, w)
			e.dropView(w)
			t.changed[ref] = struct{}{}
		}
	}
	for ref := range t.split { // fewer Envoys vote
		t.changed[ref] = struct{}{}
	}
	t.leave(w.identity)
}

// Get returns the effective version of a resource for the Envoy, nil if there is none.
func (w *Watch) Get(ref Ref) *Version {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	return w.change(ref).Version
}

// All lists the resources as the Envoy sees them, in no particular order.
func (w *Watch) All() []Change {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	return w.everything()
}

func (w *Watch) everything() []Change {
	var changes []Change
	for _, e := range w.table.entries {
		changes = append(changes, w.changeOf(e))
	}
	for v := range w.table.atRest() {
		changes = append(changes, Change{Ref: v.Ref, Version: v})
	}
	return changes
}

func (w *Watch) change(ref Ref) Change {
	if e := w.table.entries[ref]; e != nil {
		return w.changeOf(e)
	}
	return Change{Ref: ref, Version: w.table.resting.Get(ref)}
}

func (w *Watch) changeOf(e *entry) Change {
	v := e.effective
	if x := e.views[w]; x != nil {
		v = x.effective
	}
	return Change{Ref: e.ref, Version: v, Withheld: v == nil}
}

// touch marks the resource for every watch; the caller holds the lock.
func (t *Table) touch(ref Ref) {
	t.revision++
	for w := range t.watches {
		w.dirty[ref] = struct{}{}
	}
}

// signal wakes the watches that have changes; the caller holds the lock.
func (t *Table) signal() {
	for w := range t.watches {
		if len(w.dirty) == 0 {
			continue
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}
