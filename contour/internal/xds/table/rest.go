package table

import (
	"iter"
	"maps"
)

// A resource is at rest when what is wanted is what is effective and accepted, and nothing else is to be remembered of
// it. That holds for nearly all resources nearly always, so of those only the version is kept: with a scope for each
// host there are as many resources as hosts (docs/design/0010-scopes-per-host.md has what it saves).

// rest drops the entry of a resource that is at rest.
func (t *Table) rest(e *entry) {
	if !e.atRest() {
		return
	}
	if t.resting[e.ref.Type] == nil {
		t.resting[e.ref.Type] = map[string]*Version{}
	}
	t.resting[e.ref.Type][e.ref.Name] = e.effective
	t.forget(e.ref)
}

// forget drops an entry, and leaves the map small after a peak: maps do not shrink.
func (t *Table) forget(ref Ref) {
	delete(t.entries, ref)
	if n := len(t.entries); t.peak > 1024 && n < t.peak/8 {
		left := make(map[Ref]*entry, n)
		maps.Copy(left, t.entries)
		t.entries, t.peak = left, n
	}
}

// add makes an entry.
func (t *Table) add(e *entry) {
	t.entries[e.ref] = e
	t.peak = max(t.peak, len(t.entries))
}

// atRest reports whether the version is all there is to remember.
func (e *entry) atRest() bool {
	v := e.effective
	return v != nil && e.accepted == v && len(e.want) > 0 && len(e.want) == len(v.pieces) && &e.want[0] == &v.pieces[0] &&
		e.quarantine.Empty() && e.unusable == "" && e.unexplained == ""
}

// entry is what is known about a resource, which may change; nil if there is no such resource.
func (t *Table) entry(ref Ref) *entry {
	v := t.resting[ref.Type][ref.Name]
	if v == nil {
		return t.entries[ref]
	}
	delete(t.resting[ref.Type], ref.Name)
	e := &entry{ref: v.Ref, field: v.field, want: v.pieces, accepted: v, effective: v, orders: &t.orders}
	t.add(e)
	return e
}

// has reports whether there is such a resource.
func (t *Table) has(ref Ref) bool {
	return t.entries[ref] != nil || t.resting[ref.Type][ref.Name] != nil
}

// atRest visits the versions of the resources at rest.
func (t *Table) atRest() iter.Seq[*Version] {
	return func(yield func(*Version) bool) {
		for _, versions := range t.resting {
			for _, v := range versions {
				if !yield(v) {
					return
				}
			}
		}
	}
}
