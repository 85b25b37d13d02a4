package table

import (
	"iter"
	"maps"
)

// A resource is at rest when its wanted pieces are the effective and accepted version, and it has no other state. Nearly
// all resources are at rest nearly always, so only the version of such a resource is stored: with a scope for each host
// there are as many resources as hosts (docs/design/0010-scopes-per-host.md has the memory that it saves).

// rest drops the entry of a resource that is at rest.
func (t *Table) rest(e *entry) {
	if !e.atRest() {
		return
	}
	t.revision++
	t.resting.Set(e.effective)
	t.drop(e.ref)
}

// drop removes an entry, and replaces the map after a peak: maps do not shrink.
func (t *Table) drop(ref Ref) {
	delete(t.entries, ref)
	if n := len(t.entries); t.peak > 1024 && n < t.peak/8 {
		left := make(map[Ref]*entry, n)
		maps.Copy(left, t.entries)
		t.entries, t.peak = left, n
	}
}

// add adds an entry.
func (t *Table) add(e *entry) {
	t.entries[e.ref] = e
	t.peak = max(t.peak, len(t.entries))
}

// atRest reports whether the resource has no state but its version.
func (e *entry) atRest() bool {
	v := e.effective
	return v != nil && e.accepted == v && len(e.want) > 0 && len(e.want) == len(v.pieces) && &e.want[0] == &v.pieces[0] &&
		len(e.rejected)+len(e.views)+len(e.unusable) == 0
}

// entry returns the entry of a resource, which the caller may change; it restores that of a resource at rest. It returns
// nil if there is no such resource.
func (t *Table) entry(ref Ref) *entry {
	v := t.resting.Get(ref)
	if v == nil {
		return t.entries[ref]
	}
	t.revision++
	t.resting.Delete(ref)
	e := &entry{table: t, ref: v.Ref, field: v.field, want: v.pieces, accepted: v, effective: v}
	t.add(e)
	return e
}

// has reports whether the table has the resource.
func (t *Table) has(ref Ref) bool {
	return t.entries[ref] != nil || t.resting.Get(ref) != nil
}

// atRest iterates over the versions of the resources at rest.
func (t *Table) atRest() iter.Seq[*Version] {
	return func(yield func(*Version) bool) {
		for _, typ := range Types() {
			for v := range t.resting.Of(typ) {
				if !yield(v) {
					return
				}
			}
		}
	}
}
