package pipeline

import (
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// holdTime is how long an edit waits at most, at least half of it. A deletion of what was in use before waits longer
// (source/kube), so that the two together leave no gap.
const holdTime = 150 * time.Millisecond

// holds are edits of HTTPProxies and Ingresses that refer to something which nobody has told yet: a Secret, an included
// HTTPProxy, a Service or its endpoints. Each kind is watched by itself, and EndpointSlices are made some time after
// their Service: "create the Service, then lead the route to it" would answer with errors until they come. Only that
// object waits, it is served as it was before, and not for long: what is referred to may never come. What is new has
// nothing to lose and does not wait.
type holds struct {
	store *store.Store
	edits map[kobj.Key]*edit
	timer *time.Timer // goes off halfway through the time of the newest edit or earlier; stopped while there is none
}

type edit struct {
	newest store.Change
	aged   bool // the timer has gone off since it came
}

func newHolds(s *store.Store) *holds {
	h := &holds{store: s, edits: map[kobj.Key]*edit{}, timer: time.NewTimer(holdTime)}
	h.timer.Stop()
	return h
}

// apply has the store take over a batch, but for edits that are early, and with edits that waited for what is in it.
// It returns what the store does.
func (h *holds) apply(batch []store.Change) []kobj.Key {
	var edits, others []store.Change
	for _, c := range batch {
		if c.Object != nil && h.present(c.Key) != nil {
			edits = append(edits, c)
			continue
		}
		delete(h.edits, c.Key)
		others = append(others, c)
	}
	changed := h.store.Apply(others) // what edits may lead to is among them
	return append(changed, h.store.Apply(h.admit(edits))...)
}

// admit is which edits are to be taken over now, of new ones and of those that waited.
func (h *holds) admit(edits []store.Change) []store.Change {
	var admitted []store.Change
	for _, c := range edits {
		if e := h.edits[c.Key]; e != nil {
			e.newest = c
		} else if h.early(c) {
			h.hold(c)
		} else {
			admitted = append(admitted, c)
		}
	}
	return append(admitted, h.release(func(e *edit) bool { return !h.early(e.newest) })...)
}

// overdue is what has waited long enough. It is to be called when the timer has gone off.
func (h *holds) overdue() []store.Change {
	due := h.release(func(e *edit) bool { return e.aged })
	for _, e := range h.edits {
		e.aged = true
	}
	if len(h.edits) > 0 {
		h.timer.Reset(holdTime / 2)
	}
	return due
}

func (h *holds) hold(c store.Change) {
	if len(h.edits) == 0 {
		h.timer.Reset(holdTime / 2)
	}
	h.edits[c.Key] = &edit{newest: c}
}

// release takes out the edits for which it is time, in order.
func (h *holds) release(ripe func(*edit) bool) []store.Change {
	var released []store.Change
	for _, k := range slices.SortedFunc(maps.Keys(h.edits), kobj.Key.Compare) {
		if e := h.edits[k]; ripe(e) {
			released = append(released, e.newest)
			delete(h.edits, k)
		}
	}
	return released
}

// early says whether an edit refers to something that the object did not refer to before and that is not there yet.
func (h *holds) early(c store.Change) bool {
	missing := slices.DeleteFunc(references(c.Object), h.there)
	if len(missing) == 0 {
		return false
	}
	before := map[kobj.Key]bool{}
	for _, k := range references(h.present(c.Key)) {
		before[k] = true
	}
	return slices.ContainsFunc(missing, func(k kobj.Key) bool { return !before[k] })
}

// there says whether an object is known, of a Service also where its endpoints are, and of an HTTPProxy what it refers to
// itself; not what it includes, since that may be itself.
func (h *holds) there(k kobj.Key) (ok bool) {
	switch k.Kind {
	case kobj.Service:
		ok = h.store.Complete(k.Name)
	case kobj.Secret:
		_, ok = h.store.Secrets.Peek(k.Name)
	case kobj.HTTPProxy:
		var p *contourv1.HTTPProxy
		p, ok = h.store.HTTPProxies.Peek(k.Name)
		ok = ok && !slices.ContainsFunc(references(p), func(k kobj.Key) bool { return k.Kind != kobj.HTTPProxy && !h.there(k) })
	default: // nothing else is referred to
	}
	return ok
}

// present is an object that refers to others as it was taken over; nil if there is none.
func (h *holds) present(k kobj.Key) metav1.Object {
	switch k.Kind {
	case kobj.HTTPProxy:
		if p, ok := h.store.HTTPProxies.Peek(k.Name); ok {
			return p
		}
	case kobj.Ingress:
		if i, ok := h.store.Ingresses.Peek(k.Name); ok {
			return i
		}
	default: // refers to nothing
	}
	return nil
}
