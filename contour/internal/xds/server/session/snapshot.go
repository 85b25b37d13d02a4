package session

import (
	"slices"

	"contour.example/contour/internal/xds/table"
)

// Snapshot is a session's state for people.
type Snapshot struct {
	Acked    map[table.Type]map[string]string // by type and name, the version that the client has
	InFlight []table.Ref                      // sent or removed, not answered; sorted
	HeldBack []HeldBack                       // sorted
	Pending  int                              // resources to look at when the client answers or the stream is free
	Waiting  int                              // responses that the client has not answered
}

// HeldBack is a resource that waits for a cluster.
type HeldBack struct {
	Ref   table.Ref
	Needs table.Ref
}

// Quiet reports whether there is nothing to send and nothing to wait for.
func (s Snapshot) Quiet() bool { return s.Pending == 0 && s.Waiting == 0 && len(s.HeldBack) == 0 }

// Snapshot copies the state.
func (s *State) Snapshot() Snapshot {
	snap := Snapshot{Acked: map[table.Type]map[string]string{}}
	for _, t := range table.Types() {
		stream := &s.types[t]
		snap.Acked[t] = map[string]string{}
		if stream.seen {
			snap.Pending += len(stream.queue) + len(stream.pending)
		}
		snap.Waiting += len(stream.flights)
		for name, v := range s.settled[t] {
			snap.Acked[t][name] = v.Hash
		}
	}
	for ref, r := range s.resources {
		if r.inFlight > 0 {
			snap.InFlight = append(snap.InFlight, ref)
		}
		for _, h := range r.holds {
			if h.status == acked {
				snap.Acked[ref.Type][ref.Name] = h.hash
			}
		}
	}
	for cluster, waiting := range s.parked {
		for r := range waiting {
			snap.HeldBack = append(snap.HeldBack, HeldBack{Ref: r.ref, Needs: cluster})
		}
	}
	slices.SortFunc(snap.InFlight, table.Ref.Compare)
	slices.SortFunc(snap.HeldBack, func(a, b HeldBack) int { return a.Ref.Compare(b.Ref) })
	return snap
}
