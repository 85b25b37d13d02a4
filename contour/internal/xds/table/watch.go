package table

// Change is the present state of a resource.
type Change struct {
	Ref      Ref
	Version  *Version // the effective version; nil if there is none
	Withheld bool     // with a nil Version: the resource exists, but Envoy rejects every known content
}

// Watch reports to one session which resources changed. Its memory between two calls of Take is
// bounded by the number of resources, however slow the session is.
type Watch struct {
	table *Table
	wake  chan struct{}
	all   bool
	dirty map[Ref]struct{}
}

// Watch starts a watch; the first Take returns the whole table. Close it after use.
func (t *Table) Watch() *Watch {
	w := &Watch{table: t, wake: make(chan struct{}, 1), all: true, dirty: map[Ref]struct{}{}}
	w.wake <- struct{}{}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watches[w] = struct{}{}
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
		for _, e := range t.entries {
			changes = append(changes, e.change())
		}
		for v := range t.atRest() {
			changes = append(changes, Change{Ref: v.Ref, Version: v})
		}
	} else {
		for ref := range w.dirty {
			changes = append(changes, t.change(ref))
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

// Close ends the watch.
func (w *Watch) Close() {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	delete(w.table.watches, w)
}

func (t *Table) change(ref Ref) Change {
	if e := t.entries[ref]; e != nil {
		return e.change()
	}
	return Change{Ref: ref, Version: t.resting.Get(ref)}
}

func (e *entry) change() Change {
	return Change{Ref: e.ref, Version: e.effective, Withheld: e.effective == nil}
}

// touch marks the resource for every watch; the caller holds the lock.
func (t *Table) touch(ref Ref) {
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
