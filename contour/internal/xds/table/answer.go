package table

import (
	"slices"
	"strings"

	"contour.example/contour/internal/xds/quarantine"
)

// Accept records that the Envoy accepted these versions.
func (w *Watch) Accept(versions []*Version) {
	t := w.table
	if !w.learning.Load() && !t.unsupported.Load() && !slices.ContainsFunc(versions, func(v *Version) bool { return !v.Accepted() }) {
		return
	}
	defer t.step()()
	if _, open := t.watches[w]; !open {
		return
	}
	for _, v := range versions {
		if !v.Accepted() || t.resting.Get(v.Ref) != v {
			w.accept(v)
		}
	}
	t.unsupported.Store(t.unsupported.Load() && t.hasUnsupported())
}

func (w *Watch) accept(v *Version) {
	t := w.table
	e := t.entry(v.Ref)
	if e == nil {
		return
	}
	defer t.rest(e)
	delete(e.unusable, w)
	x := e.views[w]
	if v != e.effective && (x == nil || v != x.effective) && !t.complete(v) || t.contradicts(w, v) {
		t.update(e)
		return
	}
	if x == nil || x.accept(e, v) {
		e.accept(v)
	}
	t.update(e)
	w.updateInvolved(e)
	if v == e.effective && t.unsupported.Load() {
		t.retryEntry(e)
	}
}

// accept records that an Envoy accepted v.
func (e *entry) accept(v *Version) {
	t := e.table
	if v.fleet && (e.accepted == nil || e.accepted.order < v.order) {
		if e.ref.Type == Listener || e.accepted == nil {
			t.note(e.ref)
		}
		t.setVersion(&e.accepted, v)
	}
	if !v.acceptedOnce.Swap(true) {
		t.stats.Accepted++
	}
	t.dispute(v)
}

// complete reports whether all needs of v are in the table. The needs of a version that was replaced
// before it was accepted may be removed; such a version must not become a fallback.
func (t *Table) complete(v *Version) bool {
	return !slices.ContainsFunc(v.Needs, func(need Ref) bool { return need.Type.Kept() && !t.has(need) })
}

// Reject records that the Envoy rejected v, and v alone, with this error detail. accepted is the version that it has
// instead, nil if it has none or its content is unknown.
func (w *Watch) Reject(v *Version, errorDetail string, accepted *Version) {
	t := w.table
	defer t.step()()
	t.stats.Rejections++
	if _, open := t.watches[w]; !open {
		return
	}
	if errorDetail == "" {
		errorDetail = "rejected without an error detail"
	}
	e := t.entry(v.Ref)
	if e == nil { // it is gone; it may come back
		if len(v.pieces) == 1 {
			t.addVerdict(content{v.Ref.Type, v.pieces[0].ID}, []*Watch{w}, errorDetail, v.Accepted())
		}
		return
	}
	t.support(w, v, accepted)
	x := e.view(w, accepted)
	x.reject(v, errorDetail)
	for _, p := range e.want { // of which the fleet may have rejected some in another resource
		e.applyVerdict(p)
	}
	t.update(e)
	x.quarantine.Shorten()
	w.updateInvolved(e)
	t.rest(e)
}

// SetUnusable records that the Envoy cannot use v for a reason that is not in its content, such as a port in use.
// Rejections contains it, without origins, until the Envoy accepts a version or is gone; nothing is quarantined.
func (w *Watch) SetUnusable(v *Version, errorDetail string) {
	t := w.table
	defer t.step()()
	e := t.entry(v.Ref)
	if _, open := t.watches[w]; e == nil || !open {
		return
	}
	if e.unusable == nil {
		e.unusable = map[*Watch]string{}
	}
	e.unusable[w] = quarantine.Excerpt(errorDetail)
	w.involve(e.ref)
	t.update(e)
}

// involve notes that the Envoy has a view of the resource, or cannot use it.
func (w *Watch) involve(ref Ref) {
	w.involved[ref] = struct{}{}
	w.learning.Store(true)
}

// updateInvolved undoes involve if neither is so any more.
func (w *Watch) updateInvolved(e *entry) {
	if _, unusable := e.unusable[w]; unusable || e.views[w] != nil {
		return
	}
	delete(w.involved, e.ref)
	w.learning.Store(len(w.involved) > 0)
}

// BindFailed reports whether the error detail says that Envoy could not bind the listener, the first that it names, to
// its address. It looks at the beginning only: the rest may quote what users wrote.
func BindFailed(v *Version, errorDetail string) bool {
	const prefix = "Error adding/updating listener(s) "
	return v.Ref.Type == Listener && strings.HasPrefix(errorDetail, prefix+v.Ref.Name+": cannot bind '")
}
