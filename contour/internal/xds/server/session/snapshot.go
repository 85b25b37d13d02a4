package session

import (
	"slices"

	"contour.example/contour/internal/xds/table"
)

// Snapshot is the state of a session for debugging.
type Snapshot struct {
	Acked    map[table.Type]int // resources that the client has
	InFlight []table.Ref        // sent or removed, not answered; sorted
	Blocked  []Blocked          // sorted
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

// Snapshot returns a summary of the state.
func (s *State) Snapshot() Snapshot {
	snap := Snapshot{Acked: map[table.Type]int{}}
	for _, t := range table.Types() {
		state := &s.types[t]
		if state.seen {
			snap.Pending += len(state.queue) + len(state.pending)
		}
		snap.Waiting += len(state.flights)
		snap.Acked[t] = s.synced.Len(t)
	}
	for ref, r := range s.resources {
		if r.inFlight > 0 {
			snap.InFlight = append(snap.InFlight, ref)
		}
		if r.acked() != "" {
			snap.Acked[ref.Type]++
		}
	}
	for blocker, waiting := range s.blocked {
		for r := range waiting {
			snap.Blocked = append(snap.Blocked, Blocked{Ref: r.ref, Needs: blocker})
		}
	}
	slices.SortFunc(snap.InFlight, table.Ref.Compare)
	slices.SortFunc(snap.Blocked, func(a, b Blocked) int { return a.Ref.Compare(b.Ref) })
	return snap
}

// Acked returns the version that the client has of each resource, by type and name.
func (s *State) Acked() map[table.Type]map[string]string {
	acked := map[table.Type]map[string]string{}
	for _, t := range table.Types() {
		acked[t] = map[string]string{}
		for v := range s.synced.Of(t) {
			acked[t][v.Ref.Name] = v.Hash
		}
	}
	for ref, r := range s.resources {
		if hash := r.acked(); hash != "" {
			acked[ref.Type][ref.Name] = hash
		}
	}
	return acked
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
