package session

import (
	"maps"
	"slices"

	"contour.example/contour/internal/xds/table"
)

// A resource is synced when the client has its current version and nothing about it is pending. Nearly all resources
// are synced nearly always, so only the version of a synced resource is kept. Like a resource that does not exist, a
// synced resource blocks nothing that needs it.

// forgetIdle drops a resource without state, and compacts a synced one.
func (s *State) forgetIdle(r *resource) {
	if r.inFlight > 0 || r.queued {
		return
	}
	if r.want == nil && !r.withheld && !r.subscribed && len(r.contents) == 0 {
		s.unblock(r)
		s.forget(r)
		return
	}
	if s.isSynced(r) {
		s.compact(r)
	}
}

// forget leaves the map small after a peak: maps do not shrink.
func (s *State) forget(r *resource) {
	delete(s.resources, r.ref)
	if n := len(s.resources); s.peak > 1024 && n < s.peak/8 {
		left := make(map[table.Ref]*resource, n)
		maps.Copy(left, s.resources)
		s.resources, s.peak = left, n
	}
}

// isSynced reports whether the resource is synced. How the client subscribed is implied: to the type, or else by name.
func (s *State) isSynced(r *resource) bool {
	if len(r.contents) != 1 || r.subscribed == s.types[r.ref.Type].wildcard {
		return false
	}
	h := r.contents[0]
	return r.want != nil && h.version == r.want && h.status == acked && r.present() &&
		!r.withheld && !r.responseDue && r.rejected == nil && r.limit == 0 && !r.overdue && r.blockedBy == table.Ref{}
}

// compact keeps only the version of a synced resource; later if it still matters when the client received it: that of endpoints while clusters are in flight, that of a cluster from a former stream
// while the client has not reported its other resources.
func (s *State) compact(r *resource) {
	t := r.ref.Type
	if t == table.Endpoint && len(s.types[table.Cluster].flights) > 0 ||
		t == table.Cluster && r.contents[0].seq == reportedSeq && !s.complete(r.contents[0]) {
		s.postpone(r)
		return
	}
	s.synced.Set(r.want)
	s.forget(r)
}

func (s *State) postpone(r *resource) {
	if !r.postponed {
		r.postponed = true
		s.postponed = append(s.postponed, r)
	}
}

// markPostponed queues the resources whose compaction was postponed.
func (s *State) markPostponed() {
	postponed := s.postponed
	s.postponed = nil
	for _, r := range postponed {
		r.postponed = false
		if s.resources[r.ref] == r {
			s.mark(r)
		}
	}
}

// restore returns the full state of a synced resource, else that of an unknown one.
func (s *State) restore(ref table.Ref) *resource {
	v := s.synced.Get(ref)
	if v == nil {
		return &resource{ref: ref}
	}
	s.synced.Delete(ref)
	return &resource{
		ref: v.Ref, want: v, subscribed: !s.types[ref.Type].wildcard,
		contents: []content{{version: v, hash: v.Hash, seq: syncedSeq, status: acked}},
	}
}

// restoreAll restores all synced resources of a type, before the client changes how it subscribes to it.
func (s *State) restoreAll(t table.Type) {
	for v := range s.synced.Of(t) {
		s.at(v.Ref)
	}
}

// find returns the resource with that ref, nil if it has no state.
func (s *State) find(ref table.Ref) *resource {
	if s.resources[ref] == nil && s.synced.Get(ref) == nil {
		return nil
	}
	return s.at(ref)
}

// outstanding is v with those of its needs that are not synced, where finding them is cheaper than checking all of them.
func (s *State) outstanding(v *table.Version) *table.Version {
	if len(s.resources) >= len(v.Needs) || s.reportDue(table.Listener) {
		return v
	}
	few := &table.Version{Ref: v.Ref}
	for ref := range s.resources {
		if v.HasNeed(ref) {
			few.Needs = append(few.Needs, ref)
		}
	}
	slices.SortFunc(few.Needs, table.Ref.Compare)
	return few
}
