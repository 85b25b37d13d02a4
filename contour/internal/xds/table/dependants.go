package table

import (
	"slices"

	"contour.example/contour/internal/kobj"
)

// The dependants of a resource are searched once, when they are first asked for, and then kept up to date: with a
// standing rejection, a change costs nothing but a look at what it changes.

// maxDependants is the number of resources whose dependants are kept.
const maxDependants = 1024

// DependentObjects lists the origins of the pieces that need a resource, directly or through clusters, sorted. Their
// statuses report a rejection if the origins of the resource itself have no status.
func (t *Table) DependentObjects(ref Ref) []kobj.Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	var objects []kobj.Key
	t.eachDependant(ref, func(dependant Ref, p *piece) {
		objects = append(objects, p.origins...)
		if dependant.Type == Cluster {
			t.eachDependant(dependant, func(_ Ref, p *piece) { objects = append(objects, p.origins...) })
		}
	})
	return kobj.Sort(objects)
}

// eachDependant calls f for every wanted piece that needs the resource.
func (t *Table) eachDependant(ref Ref, f func(Ref, *piece)) {
	if t.dependants[ref] == nil {
		t.searchDependants(ref)
	}
	for dependant := range t.dependants[ref] {
		for _, p := range t.wanted(dependant) {
			if slices.Contains(p.needs, ref) {
				f(dependant, p)
			}
		}
	}
}

// wanted returns the wanted pieces of a resource, none if it is not wanted.
func (t *Table) wanted(ref Ref) []*piece {
	if e := t.entries[ref]; e != nil {
		return e.want
	}
	if v := t.resting.Get(ref); v != nil {
		return v.pieces
	}
	return nil
}

// searchDependants searches all resources for those that need one.
func (t *Table) searchDependants(ref Ref) {
	if len(t.dependants) >= maxDependants {
		clear(t.dependants)
	}
	found := map[Ref]struct{}{}
	t.dependants[ref] = found
	for _, e := range t.entries {
		if !e.ref.Type.MayNeed(ref.Type) {
			continue
		}
		t.stats.Searched++
		if slices.ContainsFunc(e.want, func(p *piece) bool { return slices.Contains(p.needs, ref) }) {
			found[e.ref] = struct{}{}
		}
	}
	for _, typ := range Types() {
		if !typ.MayNeed(ref.Type) {
			continue
		}
		t.stats.Searched += uint64(t.resting.Len(typ))
		for v := range t.resting.Of(typ) {
			if v.HasNeed(ref) {
				found[v.Ref] = struct{}{}
			}
		}
	}
}

// dependantsChanged records that wanted pieces of a resource are replaced.
func (t *Table) dependantsChanged(ref Ref, removed, added []*piece) {
	if len(t.dependants) == 0 {
		return
	}
	for _, p := range removed {
		for _, need := range p.needs {
			if t.dependants[need] != nil {
				t.rejectionSeq++
			}
		}
	}
	for _, p := range added {
		for _, need := range p.needs {
			if found := t.dependants[need]; found != nil {
				found[ref] = struct{}{}
				t.rejectionSeq++
			}
		}
	}
}
