package session

import (
	"slices"

	"contour.example/contour/internal/xds/table"
)

// maxListed bounds the lists of a Snapshot.
const maxListed = 100

// Snapshot is the state of a session for debugging.
type Snapshot struct {
	Synced   map[table.Type]int // resources of which the client has the current version, and nothing is pending
	InFlight []table.Ref        // of what is sent or removed and not answered, up to maxListed; sorted
	Blocked  []Blocked          // up to maxListed; sorted
	Pending  int                // resources that the next call of Next may send or remove
	Waiting  int                // responses that the client has not answered
}

// Blocked is a resource that is not sent before another one is acknowledged.
type Blocked struct {
	Ref   table.Ref
	Needs table.Ref
}

// Idle reports whether nothing is pending, in flight or blocked.
func (s Snapshot) Idle() bool { return s.Pending == 0 && s.Waiting == 0 && len(s.Blocked) == 0 }

// InSync reports whether the client has all of the table that it subscribes to: it has asked for clusters and listeners, and nothing is
// pending, in flight or blocked. Its cost does not depend on the number of resources.
func (s *State) InSync() bool {
	if !s.types[table.Cluster].seen || !s.types[table.Listener].seen || len(s.blocked) > 0 || s.rests.waiting > 0 {
		return false
	}
	for _, t := range table.Types() {
		state := &s.types[t]
		if len(state.flights) > 0 || state.seen && len(state.queue)+len(state.pending) > 0 {
			return false
		}
	}
	return true
}

// Snapshot returns a summary of the state. Its cost does not depend on the number of resources.
func (s *State) Snapshot() Snapshot {
	snap := Snapshot{Synced: map[table.Type]int{}, InFlight: s.someInFlight(), Blocked: s.someBlocked()}
	for _, t := range table.Types() {
		state := &s.types[t]
		if state.seen {
			snap.Pending += len(state.queue) + len(state.pending)
		}
		snap.Waiting += len(state.flights)
		snap.Synced[t] = s.synced.Len(t)
	}
	snap.Pending += s.rests.waiting
	return snap
}

func (s *State) someInFlight() []table.Ref {
	var refs []table.Ref
	for _, t := range table.Types() {
		for _, f := range s.types[t].flights {
			for _, it := range f.items[:min(len(f.items), maxListed-len(refs))] {
				refs = append(refs, it.resource.ref)
			}
			for _, r := range f.removed[:min(len(f.removed), maxListed-len(refs))] {
				refs = append(refs, r.ref)
			}
		}
	}
	slices.SortFunc(refs, table.Ref.Compare)
	return slices.Compact(refs)
}

func (s *State) someBlocked() []Blocked {
	var some []Blocked
	for blocker, waiting := range s.blocked {
		for r := range waiting {
			if len(some) == maxListed {
				break
			}
			some = append(some, Blocked{Ref: r.ref, Needs: blocker})
		}
		if len(some) == maxListed {
			break
		}
	}
	slices.SortFunc(some, func(a, b Blocked) int { return a.Ref.Compare(b.Ref) })
	return some
}

// Acked returns the version that the client has of each resource, by type and name.
func (s *State) Acked() map[table.Type]map[string]string {
	acked := map[table.Type]map[string]string{}
	for _, t := range table.Types() {
		acked[t] = map[string]string{}
	}
	for ref, hash := range s.EachAcked {
		acked[ref.Type][ref.Name] = hash
	}
	return acked
}

// EachAcked iterates over the resources that the client has, with the hash of the version of each, in no particular
// order. The state may change between two steps; a resource that changes may then be missed or visited twice.
func (s *State) EachAcked(yield func(table.Ref, string) bool) {
	for ref, r := range s.resources {
		if hash := r.acked(); hash != "" && !yield(ref, hash) {
			return
		}
	}
	for _, t := range table.Types() {
		for v := range s.synced.Of(t) {
			if !yield(v.Ref, v.Hash) {
				return
			}
		}
	}
}

// acked is the hash of the newest content that the client certainly has, "" if there is none.
func (r *resource) acked() string {
	for _, h := range slices.Backward(r.contents) {
		if h.status == acked {
			return h.hash
		}
	}
	return ""
}
