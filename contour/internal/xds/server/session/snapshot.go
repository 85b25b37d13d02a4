package session

import (
	"slices"

	"contour.example/contour/internal/xds/table"
)

// Snapshot is a session's state for people.
type Snapshot struct {
	Acked    map[table.Type]int // resources that the client has
	InFlight []table.Ref        // sent or removed, not answered; sorted
	HeldBack []HeldBack         // sorted
	Pending  int                // resources to look at when the client answers or the stream is free
	Waiting  int                // responses that the client has not answered
}

// HeldBack is a resource that waits for another one.
type HeldBack struct {
	Ref   table.Ref
	Needs table.Ref
}

// Quiet reports whether there is nothing to send and nothing to wait for.
func (s Snapshot) Quiet() bool { return s.Pending == 0 && s.Waiting == 0 && len(s.HeldBack) == 0 }

// Snapshot sums the state up.
func (s *State) Snapshot() Snapshot {
	snap := Snapshot{Acked: map[table.Type]int{}}
	for _, t := range table.Types() {
		stream := &s.types[t]
		if stream.seen {
			snap.Pending += len(stream.queue) + len(stream.pending)
		}
		snap.Waiting += len(stream.flights)
		snap.Acked[t] = len(s.synced[t])
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
			snap.HeldBack = append(snap.HeldBack, HeldBack{Ref: r.ref, Needs: blocker})
		}
	}
	slices.SortFunc(snap.InFlight, table.Ref.Compare)
	slices.SortFunc(snap.HeldBack, func(a, b HeldBack) int { return a.Ref.Compare(b.Ref) })
	return snap
}

// Acked is the version that the client has of each resource, by type and name.
func (s *State) Acked() map[table.Type]map[string]string {
	acked := map[table.Type]map[string]string{}
	for _, t := range table.Types() {
		acked[t] = map[string]string{}
		for name, v := range s.synced[t] {
			acked[t][name] = v.Hash
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
