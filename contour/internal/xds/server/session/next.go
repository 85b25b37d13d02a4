package session

import (
	"time"

	"contour.example/contour/internal/xds/table"
)

// Next returns the response to send now, nil if there is none. The caller sends it before it calls Next
// again: changes in the meantime are merged.
func (s *State) Next(now time.Time) *Response {
	for _, t := range table.Types() {
		if state := &s.types[t]; state.seen && len(state.flights) < s.window(t) {
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
	state := &s.types[t]
	b := batch{limits: &s.limits, flight: &flight{seq: s.seq + 1}}
	for r := state.peek(); r != nil; r = state.peek() {
		if s.paced(r, now) {
			break
		}
		if s.setAside(r, now) {
			continue
		}
		do := s.decide(r)
		if do.what == send && !b.fits(r, do.version) || do.what == remove && !b.fitsName(r) {
			break
		}
		state.pop()
		s.endTurn(r)
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
	if b.empty() && (!state.firstResponseDue || !state.wildcard || state.wanted > 0) {
		return nil
	}
	state.firstResponseDue = false
	return s.startFlight(t, b.flight, now)
}

// setAside reports whether the resource, the first of the queue of its type, has to wait for a time, and if so takes it from that queue.
func (s *State) setAside(r *resource, now time.Time) bool {
	return s.rest(r, now) || s.deferRemoval(r, now)
}

// action is the result of decide for a resource.
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

// whenReady sends v, or waits for its needs.
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
		s.startRest(it.resource, it.version, f, now)
		if t == table.Cluster {
			s.resendEndpoints(*it, now)
		}
	}
	for _, r := range f.removed {
		response.Removed = append(response.Removed, r.ref.Name)
		r.inFlight++
		r.responseDue, r.overdue, r.awaited = false, false, time.Time{}
		r.removedSeq = f.seq
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

// batch collects the resources of one response.
type batch struct {
	limits          *Limits
	flight          *flight
	bytes           int
	unaccepted      int
	unacceptedBytes int
	limit           int  // the least of the resources' limits; 0: none
	large           bool // has a large resource of a tenant (rests), and nothing else
}

func (b *batch) empty() bool { return len(b.flight.items) == 0 && len(b.flight.removed) == 0 }

// fits reports whether the resource may go into this response. Anything fits into an empty
// one. An unaccepted secret is sent alone: Envoy accepts the second copy of a bad secret without
// using it, so a rejected response of several cannot be bisected. A large resource of a tenant is sent alone, too.
func (b *batch) fits(r *resource, v *table.Version) bool {
	n := len(b.flight.items)
	if n == 0 {
		return true
	}
	if r.ref.Type == table.Secret && (!v.Accepted() || b.unaccepted > 0) {
		return false
	}
	if b.large || b.limits.large(v) {
		return false
	}
	if limit := minLimit(b.limit, r.limit); limit > 0 && n >= limit {
		return false
	}
	size := v.Size()
	if b.bytes+size > b.limits.ResponseBytes {
		return false
	}
	return v.Accepted() || b.unaccepted < b.limits.UnacceptedResources && b.unacceptedBytes+size <= b.limits.UnacceptedBytes
}

func (b *batch) fitsName(r *resource) bool {
	return b.empty() || b.bytes+len(r.ref.Name) <= b.limits.ResponseBytes
}

func (b *batch) add(r *resource, v *table.Version) {
	b.flight.items = append(b.flight.items, item{resource: r, version: v})
	b.bytes += v.Size()
	b.large = b.limits.large(v)
	b.limit = minLimit(b.limit, r.limit)
	if !v.Accepted() {
		b.unaccepted++
		b.unacceptedBytes += v.Size()
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
