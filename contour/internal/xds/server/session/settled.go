package session

import (
	"maps"
	"slices"

	"contour.example/contour/internal/xds/table"
)

// A resource is settled when the client has what it should have, and nothing is to be done about
// it or waited for. That holds for nearly all of them nearly always, so what is remembered of
// them is the version alone. As needs they block nothing, like what does not exist.

// forgetIdle drops a resource about which there is nothing to remember, or nothing but its version.
func (s *State) forgetIdle(r *resource) {
	if r.inFlight > 0 || r.queued {
		return
	}
	if r.want == nil && !r.withheld && !r.subscribed && len(r.holds) == 0 {
		s.unpark(r)
		s.forget(r)
		return
	}
	if s.calm(r) {
		s.settle(r)
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

// calm reports whether the version is all there is to remember. How the client subscribed goes
// without saying: to the type, or else by name.
func (s *State) calm(r *resource) bool {
	if len(r.holds) != 1 || r.subscribed == s.types[r.ref.Type].wildcard {
		return false
	}
	h := r.holds[0]
	return r.want != nil && h.version == r.want && h.status == acked && r.present() &&
		!r.withheld && !r.owed && r.refused == "" && r.limit == 0 && !r.overdue && r.parkedOn == table.Ref{}
}

// settle keeps the version of a calm resource, later if it matters just now when the client got
// it: that of endpoints while clusters are on their way, that of a cluster from a former stream
// while the client has not said what else it has.
func (s *State) settle(r *resource) {
	t := r.ref.Type
	if t == table.Endpoint && len(s.types[table.Cluster].flights) > 0 ||
		t == table.Cluster && r.holds[0].seq == reportedSeq && !s.complete(r.holds[0]) {
		s.postpone(r)
		return
	}
	if s.settled[t] == nil {
		s.settled[t] = map[string]*table.Version{}
	}
	s.settled[t][r.want.Ref.Name] = r.want
	s.forget(r)
}

func (s *State) postpone(r *resource) {
	if !r.postponed {
		r.postponed = true
		s.postponed = append(s.postponed, r)
	}
}

// markPostponed has what could not be settled looked at again.
func (s *State) markPostponed() {
	again := s.postponed
	s.postponed = nil
	for _, r := range again {
		r.postponed = false
		if s.resources[r.ref] == r {
			s.mark(r)
		}
	}
}

// unsettle is the resource with that ref as it was before it was settled, else as one of which
// nothing is known.
func (s *State) unsettle(ref table.Ref) *resource {
	v := s.settled[ref.Type][ref.Name]
	if v == nil {
		return &resource{ref: ref}
	}
	delete(s.settled[ref.Type], ref.Name)
	return &resource{
		ref: v.Ref, want: v, subscribed: !s.types[ref.Type].wildcard,
		holds: []hold{{version: v, hash: v.Hash, seq: settledSeq, status: acked}},
	}
}

// unsettleAll is for when the client changes how it subscribes to the type.
func (s *State) unsettleAll(t table.Type) {
	for _, v := range s.settled[t] {
		s.at(v.Ref)
	}
}

// find is the resource with that ref, nil if nothing is known of it.
func (s *State) find(ref table.Ref) *resource {
	if s.resources[ref] == nil && s.settled[ref.Type][ref.Name] == nil {
		return nil
	}
	return s.at(ref)
}

// outstanding is v with those of its needs that are not settled, as far as that is cheaper to
// find out than to look at all of them.
func (s *State) outstanding(v *table.Version) *table.Version {
	if len(s.resources) >= len(v.Needs) {
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
