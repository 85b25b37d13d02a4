package pipeline

import (
	"maps"
	"slices"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/status"
)

type statusChange = memo.Change[kobj.Key, *status.Desired]

// heldStatuses is the statuses of changed objects that wait until nothing that their change concerns is deferred: an object is not
// reported as valid with a new generation while another one is derived from the former generation.
type heldStatuses struct {
	batches []*heldBatch
	of      map[kobj.Key]*heldBatch // the one that an object is in
}

// heldBatch is the objects that changed in one iteration, each with the change of its status; nil: it has not changed.
type heldBatch struct {
	deferral *memo.Deferral // of that iteration
	changes  map[kobj.Key]*statusChange
}

// admit returns the changes of statuses to make known now, among those that wait and the given ones. deferral is that of this
// iteration, and changed are the objects that changed in it.
func (h *heldStatuses) admit(changes []statusChange, deferral *memo.Deferral, changed []kobj.Key) []statusChange {
	if !deferral.Done() {
		h.hold(deferral, changed)
	}
	if len(h.batches) == 0 {
		return changes
	}
	var admitted []statusChange
	for _, c := range changes {
		if b := h.of[c.Key]; b == nil {
			admitted = append(admitted, c)
		} else if waits := b.changes[c.Key]; waits != nil {
			waits.New = c.New
		} else {
			b.changes[c.Key] = &c
		}
	}
	return append(admitted, h.release()...)
}

// hold makes the statuses of the objects wait for a deferral, also those that wait for an earlier one.
func (h *heldStatuses) hold(deferral *memo.Deferral, objects []kobj.Key) {
	if h.of == nil {
		h.of = map[kobj.Key]*heldBatch{}
	}
	b := &heldBatch{deferral: deferral, changes: make(map[kobj.Key]*statusChange, len(objects))}
	for _, k := range objects {
		var waits *statusChange
		if former := h.of[k]; former != nil {
			waits = former.changes[k]
			delete(former.changes, k)
		}
		b.changes[k], h.of[k] = waits, b
	}
	h.batches = append(h.batches, b)
}

// release removes and returns the changes that need not wait any more.
func (h *heldStatuses) release() (released []statusChange) {
	h.batches = slices.DeleteFunc(h.batches, func(b *heldBatch) bool {
		if !b.deferral.Done() {
			return false
		}
		for _, k := range slices.SortedFunc(maps.Keys(b.changes), kobj.Key.Compare) {
			if c := b.changes[k]; c != nil {
				released = append(released, *c)
			}
			delete(h.of, k)
		}
		return true
	})
	return released
}
