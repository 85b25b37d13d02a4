package pipeline

import (
	"slices"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/status"
)

type statusChange = memo.Change[kobj.Key, *status.Desired]

// heldStatuses is the statuses of changed objects that wait until nothing that their change concerns is deferred: an object is not
// reported as valid with a new generation while another one is derived from the former generation.
type heldStatuses map[kobj.Key]*heldStatus

type heldStatus struct {
	deferral *memo.Deferral // of the newest change of the object
	change   *statusChange  // nil: the status has not changed
}

// hold makes the status of an object wait for a deferral, instead of an earlier one.
func (h heldStatuses) hold(k kobj.Key, d *memo.Deferral) {
	if h[k] == nil {
		h[k] = &heldStatus{}
	}
	h[k].deferral = d
}

// admit returns the changes of statuses to make known now, among the given ones and those that wait.
func (h heldStatuses) admit(changes []statusChange) []statusChange {
	if len(h) == 0 {
		return changes
	}
	var admitted []statusChange
	for _, c := range changes {
		switch held := h[c.Key]; {
		case held == nil:
			admitted = append(admitted, c)
		case held.change == nil:
			held.change = &c
		default:
			held.change.New = c.New
		}
	}
	return append(admitted, h.release()...)
}

// release removes what need not wait any more, and returns its changes, sorted by object.
func (h heldStatuses) release() (released []statusChange) {
	for k, held := range h {
		if !held.deferral.Done() {
			continue
		}
		if delete(h, k); held.change != nil {
			released = append(released, *held.change)
		}
	}
	slices.SortFunc(released, func(a, b statusChange) int { return a.Key.Compare(b.Key) })
	return released
}
