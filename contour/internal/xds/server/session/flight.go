package session

import (
	"slices"
	"strconv"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"contour.example/contour/internal/xds/quarantine"
	"contour.example/contour/internal/xds/table"
)

// flight is a response that the client has not answered.
type flight struct {
	seq     uint64
	items   []item
	removed []*resource
}

type item struct {
	resource *resource
	version  *table.Version
	wire     *table.Wire // kept until the answer, so that all sessions share it
}

func (f *flight) nonce() string { return strconv.FormatUint(f.seq, 10) }

// landed takes the flight with that nonce from those on their way; nil if there is none.
func (s *State) landed(t table.Type, nonce string) *flight {
	stream := &s.types[t]
	i := slices.IndexFunc(stream.flights, func(f *flight) bool { return f.nonce() == nonce })
	if i < 0 {
		return nil
	}
	f := stream.flights[i]
	stream.flights = slices.Delete(stream.flights, i, i+1)
	return f
}

// answered settles the flight that the request answers, if there is one.
func (s *State) answered(t table.Type, f *flight, req *discoveryv3.DeltaDiscoveryRequest, now time.Time) Verdict {
	if f == nil {
		return Verdict{}
	}
	if t == table.Cluster {
		s.lastAck = now
		s.markPostponed()
	}
	for _, it := range f.items {
		it.resource.inFlight--
		s.mark(it.resource)
	}
	if t == table.Listener {
		s.endPace(req.GetErrorDetail() == nil, now)
	}
	s.wakeOnlookers(t)
	if req.GetErrorDetail() == nil {
		return s.ack(f)
	}
	verdict := s.nack(f, req.GetErrorDetail().GetMessage())
	verdict.Words = req.GetErrorDetail().GetMessage()
	if verdict.Words == "" {
		verdict.Words = "refused without a reason"
	}
	return verdict
}

func (s *State) ack(f *flight) Verdict {
	verdict := Verdict{Acked: true}
	for _, it := range f.items {
		r := it.resource
		verdict.Accepted = append(verdict.Accepted, it.version)
		r.limit = 0
		if i := r.holdOf(f.seq); i >= 0 && r.holds[i].status == sent {
			r.holds[i].status = acked
			s.drop(r, 0, i)
			s.opened(r)
		}
	}
	s.removalDone(f)
	return verdict
}

// dropForgotten drops what came after the client had unsubscribed. Names that come with the answer are subscribed to
// first: Envoy may have wanted them before.
func (s *State) dropForgotten(f *flight) {
	if f == nil {
		return
	}
	for _, it := range f.items {
		if !s.interested(it.resource) {
			s.dropBefore(it.resource, f.seq+1)
		}
	}
}

func (s *State) removalDone(f *flight) {
	for _, r := range f.removed {
		r.inFlight--
		s.dropBefore(r, f.seq)
		s.mark(r)
	}
}

// removalDoubtful takes note that the client may or may not have removed.
func (s *State) removalDoubtful(f *flight) {
	for _, r := range f.removed {
		r.inFlight--
		if r.goneSeq == f.seq {
			r.goneSeq = 0
		}
		for i := range r.holds {
			if r.holds[i].seq < f.seq {
				r.holds[i].status = doubtful
			}
		}
		s.mark(r)
	}
}

// nack settles a refused response. The client has an unknown part of it, so everything in it
// is sent again: without the bad resource if that is known, else in halves.
func (s *State) nack(f *flight, words string) Verdict {
	if len(f.items) == 0 {
		s.removalDone(f)
		return Verdict{}
	}
	s.removalDoubtful(f)
	guilty := f.guilty(words)
	for i, it := range f.items {
		if i == guilty {
			continue
		}
		if h := it.resource.holdOf(f.seq); h >= 0 {
			it.resource.holds[h].status = doubtful
		}
		if guilty < 0 {
			it.resource.limit = (len(f.items) + 1) / 2
		}
	}
	if guilty < 0 {
		return Verdict{}
	}
	return Verdict{Rejected: s.reject(f.items[guilty])}
}

// reject takes note that the client does not have this version, and never will.
func (s *State) reject(it item) *table.Version {
	r := it.resource
	r.refused, r.limit = it.version.Hash, 0
	for i := len(r.holds) - 1; i >= 0; i-- {
		if h := r.holds[i]; h.hash == r.refused && h.status != acked {
			s.drop(r, i, i+1)
		}
	}
	s.wake(r.ref)
	return it.version
}

// Retry has a resource sent again that the client refused last, for when the reason may be gone.
func (s *State) Retry(ref table.Ref) {
	if r := s.resources[ref]; r != nil && r.refused != "" {
		r.refused = ""
		s.mark(r)
	}
}

// guilty is the index of the item that must be meant, -1 if that is not clear.
func (f *flight) guilty(words string) int {
	if len(f.items) == 1 {
		return 0
	}
	found := -1
	for i, it := range f.items {
		if !quarantine.Mentions(words, it.resource.ref.Name) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}
