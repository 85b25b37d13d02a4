package session

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"contour.example/contour/internal/xds/quarantine"
	"contour.example/contour/internal/xds/table"
)

// flight is a response in flight: the client has not acknowledged or rejected it.
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

// takeFlight removes and returns the flight with that nonce; nil if there is none.
func (s *State) takeFlight(t table.Type, nonce string) *flight {
	state := &s.types[t]
	i := slices.IndexFunc(state.flights, func(f *flight) bool { return f.nonce() == nonce })
	if i < 0 {
		return nil
	}
	f := state.flights[i]
	state.flights = slices.Delete(state.flights, i, i+1)
	return f
}

// handleAnswer applies the ACK or NACK of the flight that the request answers, if there is one.
func (s *State) handleAnswer(t table.Type, f *flight, req *discoveryv3.DeltaDiscoveryRequest, now time.Time) Verdict {
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
	s.endRest(f, now)
	s.recheckBlocked(t)
	if req.GetErrorDetail() == nil {
		return s.ack(f)
	}
	detail := errorDetail(req)
	verdict := s.nack(f, detail)
	verdict.ErrorDetail = detail
	return verdict
}

// MaxErrorDetail bounds in bytes what is kept of an error detail: Envoy may quote a whole resource, and a client that
// lies may send as much as a request may have.
const MaxErrorDetail = 64 << 10

// errorDetail is the reason of a NACK, never empty. It does not keep the rest of a longer text in memory.
func errorDetail(req *discoveryv3.DeltaDiscoveryRequest) string {
	detail := req.GetErrorDetail().GetMessage()
	if len(detail) > MaxErrorDetail {
		return strings.Clone(detail[:MaxErrorDetail])
	}
	return cmp.Or(detail, "rejected without an error detail")
}

func (s *State) ack(f *flight) Verdict {
	verdict := Verdict{Acked: true}
	for _, it := range f.items {
		r := it.resource
		verdict.Accepted = append(verdict.Accepted, it.version)
		r.limit = 0
		if i := r.contentOf(f.seq); i >= 0 && r.contents[i].status == sent {
			r.contents[i].status = acked
			s.drop(r, 0, i)
			s.markUsable(r)
		}
	}
	s.removalDone(f)
	return verdict
}

// dropForgotten drops resources that arrived after the client had unsubscribed from them. Subscriptions in the same
// request are applied before: Envoy may have subscribed earlier.
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
		s.recheckDependants(r.ref)
	}
}

// removalUncertain records that the client may or may not have removed the resources of f.
func (s *State) removalUncertain(f *flight) {
	for _, r := range f.removed {
		r.inFlight--
		if r.removedSeq == f.seq {
			r.removedSeq = 0
		}
		for i := range r.contents {
			if r.contents[i].seq < f.seq {
				r.contents[i].status = uncertain
			}
		}
		s.mark(r)
	}
}

// nack handles a rejected response. The client has applied an unknown part of it, so everything in it is sent again:
// without the rejected resource if that is known, else in halves.
func (s *State) nack(f *flight, errorDetail string) Verdict {
	if len(f.items) == 0 {
		s.removalDone(f)
		return Verdict{}
	}
	s.removalUncertain(f)
	rejected := f.rejectedItem(errorDetail)
	for i, it := range f.items {
		if i == rejected {
			continue
		}
		if h := it.resource.contentOf(f.seq); h >= 0 {
			it.resource.contents[h].status = uncertain
		}
		if rejected < 0 {
			it.resource.limit = (len(f.items) + 1) / 2
		}
	}
	if rejected < 0 {
		return Verdict{}
	}
	version := s.reject(f.items[rejected])
	return Verdict{Rejected: version, Has: f.items[rejected].resource.ackedVersion()}
}

// ackedVersion returns the newest version that the client certainly has, nil if there is none or its content is unknown.
func (r *resource) ackedVersion() *table.Version {
	for _, h := range slices.Backward(r.contents) {
		if h.status == acked {
			return h.version
		}
	}
	return nil
}

// reject records that the client rejected this version; it is not sent to it again.
func (s *State) reject(it item) *table.Version {
	r := it.resource
	r.rejected, r.limit = it.version, 0
	for i := len(r.contents) - 1; i >= 0; i-- {
		if h := r.contents[i]; h.hash == it.version.Hash && h.status != acked {
			s.drop(r, i, i+1)
		}
	}
	s.recheckDependants(r.ref)
	return it.version
}

// Retry sends a resource again that the client rejected last, for a reason that may be gone.
func (s *State) Retry(ref table.Ref) {
	if r := s.resources[ref]; r != nil && r.rejected != nil {
		r.rejected = nil
		s.mark(r)
	}
}

// rejectedItem returns the index of the only item that the error can mean, -1 if several are possible.
func (f *flight) rejectedItem(errorDetail string) int {
	if len(f.items) == 1 {
		return 0
	}
	found := -1
	for i, it := range f.items {
		if !quarantine.Mentions(errorDetail, it.resource.ref.Name) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}
