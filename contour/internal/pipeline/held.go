package pipeline

import (
	"maps"
	"slices"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/status"
)

type statusChange = memo.Change[kobj.Key, *status.Desired]

// heldStatuses is the changes of statuses that wait: an object is not reported as valid before all that depends on it is derived.
// Where the changes of an iteration made it defer keys, the statuses of the namespaces of the changed objects wait for these.
type heldStatuses struct {
	deferred   uint64 // keys deferred so far
	namespaces map[string]*heldNamespace
}

// heldNamespace is the changes of statuses of one namespace, one for each object.
type heldNamespace struct {
	until   uint64 // they wait for as many deferred keys, in their order
	changes []statusChange
	at      map[kobj.Key]int
}

// admit returns the changes of statuses to make known now, among those that wait and the given ones. deferred is how many keys were
// deferred so far, and derived how many of those were derived since; changed is the objects that changed in this iteration.
func (h *heldStatuses) admit(changes []statusChange, deferred, derived uint64, changed []kobj.Key) []statusChange {
	if deferred > h.deferred && deferred > derived {
		h.hold(deferred, changed)
	}
	h.deferred = deferred
	if len(h.namespaces) == 0 {
		return changes
	}
	var admitted []statusChange
	for _, c := range changes {
		if n := h.namespaces[c.Key.Namespace]; n != nil {
			n.add(c)
		} else {
			admitted = append(admitted, c)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.namespaces)) {
		if n := h.namespaces[name]; n.until <= derived {
			admitted = append(admitted, n.changes...)
			delete(h.namespaces, name)
		}
	}
	return admitted
}

func (h *heldStatuses) hold(until uint64, changed []kobj.Key) {
	if h.namespaces == nil {
		h.namespaces = map[string]*heldNamespace{}
	}
	for _, k := range changed {
		if h.namespaces[k.Namespace] == nil {
			h.namespaces[k.Namespace] = &heldNamespace{at: map[kobj.Key]int{}}
		}
		h.namespaces[k.Namespace].until = until
	}
}

// add merges a change with that of the same object, if there is one.
func (n *heldNamespace) add(c statusChange) {
	if i, waits := n.at[c.Key]; waits {
		n.changes[i].New = c.New
		return
	}
	n.at[c.Key] = len(n.changes)
	n.changes = append(n.changes, c)
}
