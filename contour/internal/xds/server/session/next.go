package session

import (
	"time"

	"contour.example/contour/internal/xds/table"
)

// Next is the response to send now, nil if there is none. The caller sends it, and calls Next
// again when it is sent: what changes meanwhile costs no memory.
func (s *State) Next(now time.Time) *Response {
	for _, t := range table.Types() {
		if stream := &s.types[t]; stream.seen && len(stream.flights) < s.window(t) {
			if response := s.nextOf(t, now); response != nil {
				return response
			}
		}
	}
	return nil
}

func (s *State) window(t table.Type) int {
	switch t {
	case table.Cluster:
		return s.limits.ClusterWindow
	case table.Secret:
		return s.limits.SecretWindow
	default:
		return 1
	}
}

func (s *State) nextOf(t table.Type, now time.Time) *Response {
	stream := &s.types[t]
	b := batch{limits: &s.limits, flight: &flight{seq: s.seq + 1}}
	for r := stream.peek(); r != nil; r = stream.peek() {
		if s.paced(r, now) {
			break
		}
		do := s.decide(r)
		if do.what == send && !b.fits(r, do.version) || do.what == remove && !b.fitsName(r) {
			break
		}
		stream.pop()
		switch do.what {
		case send:
			b.add(r, do.version)
		case remove:
			b.remove(r)
		case wait:
			s.block(r, do.blocker, now)
		case nothing:
			s.forgetIdle(r)
		}
	}
	if b.empty() && (!stream.firstResponseDue || !stream.wildcard || stream.wanted > 0) {
		return nil
	}
	stream.firstResponseDue = false
	return s.startFlight(t, b.flight, now)
}

// action is what to do about a resource.
type action struct {
	what    verb
	version *table.Version // to send
	blocker table.Ref      // to wait for
}

type verb uint8

const (
	nothing verb = iota
	send
	remove
	wait
)

// decide returns what to do about one resource.
func (s *State) decide(r *resource) action {
	if !s.interested(r) || r.inFlight > 0 && r.ref.Type != table.Cluster {
		return action{}
	}
	target := r.target()
	if target == nil {
		return s.decideWithout(r)
	}
	if !r.responseDue && r.current() == target.Hash {
		return action{}
	}
	return s.whenReady(target)
}

// whenReady is to send v, or to wait for what it needs.
func (s *State) whenReady(v *table.Version) action {
	if blocker, blocked := s.blocker(s.outstanding(v)); blocked {
		return action{what: wait, blocker: blocker}
	}
	return action{what: send, version: v}
}

// decideWithout is decide for a resource that has no version for this client.
func (s *State) decideWithout(r *resource) action {
	switch {
	case r.responseDue && len(r.contents) == 0:
		return action{what: remove}
	case r.absent() && r.present() && !s.isNeeded(r.ref):
		return action{what: remove}
	case r.responseDue && r.known() != nil:
		return s.whenReady(r.known())
	}
	return action{}
}

// startFlight makes the response and records that it is in flight.
func (s *State) startFlight(t table.Type, f *flight, now time.Time) *Response {
	s.seq = f.seq
	s.types[t].flights = append(s.types[t].flights, f)
	response := &Response{Type: t, Nonce: f.nonce()}
	for i := range f.items {
		it := &f.items[i]
		it.wire = it.version.Wire()
		response.Sent, response.Wires = append(response.Sent, it.version), append(response.Wires, it.wire)
		it.resource.inFlight++
		it.resource.responseDue = false
		s.add(it.resource, content{version: it.version, hash: it.version.Hash, seq: f.seq, status: sent})
		s.startPace(it.version, now)
		if t == table.Cluster {
			s.resendEndpoints(*it, now)
		}
	}
	for _, r := range f.removed {
		response.Removed = append(response.Removed, r.ref.Name)
		r.inFlight++
		r.responseDue, r.overdue, r.awaited = false, false, time.Time{}
		r.goneSeq = f.seq
	}
	return response
}

// resendEndpoints queues the endpoints of an updated cluster: Envoy does not subscribe again, but the cluster warms
// until it receives them.
func (s *State) resendEndpoints(it item, now time.Time) {
	it.resource.sentAt = now
	for _, need := range it.version.Needs {
		if need.Type != table.Endpoint {
			continue
		}
		e := s.at(need)
		e.responseDue = true
		s.mark(e)
	}
}

// batch collects what goes into one response.
type batch struct {
	limits        *Limits
	flight        *flight
	bytes         int
	unproven      int
	unprovenBytes int
	limit         int // the least of the resources' limits; 0: none
}

func (b *batch) empty() bool { return len(b.flight.items) == 0 && len(b.flight.removed) == 0 }

// fits reports whether the resource may go into this response. Anything fits into an empty
// one. An unproven secret travels alone: Envoy accepts the second copy of a bad secret without
// using it, so a refused response of several could not be searched.
func (b *batch) fits(r *resource, v *table.Version) bool {
	n := len(b.flight.items)
	if n == 0 {
		return true
	}
	if r.ref.Type == table.Secret && (!v.Proven() || b.unproven > 0) {
		return false
	}
	if limit := minLimit(b.limit, r.limit); limit > 0 && n >= limit {
		return false
	}
	size := v.Size()
	if b.bytes+size > b.limits.ResponseBytes {
		return false
	}
	return v.Proven() || b.unproven < b.limits.UnprovenResources && b.unprovenBytes+size <= b.limits.UnprovenBytes
}

func (b *batch) fitsName(r *resource) bool {
	return b.empty() || b.bytes+len(r.ref.Name) <= b.limits.ResponseBytes
}

func (b *batch) add(r *resource, v *table.Version) {
	b.flight.items = append(b.flight.items, item{resource: r, version: v})
	b.bytes += v.Size()
	b.limit = minLimit(b.limit, r.limit)
	if !v.Proven() {
		b.unproven++
		b.unprovenBytes += v.Size()
	}
}

func (b *batch) remove(r *resource) {
	b.flight.removed = append(b.flight.removed, r)
	b.bytes += len(r.ref.Name)
}

// minLimit is the smaller limit, where 0 is none.
func minLimit(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
