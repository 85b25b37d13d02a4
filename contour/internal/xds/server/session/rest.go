package session

import (
	"time"

	"contour.example/contour/internal/fairqueue"
	"contour.example/contour/internal/xds/table"
)

// rests limits the rate of large resources that belong to one tenant: sets of endpoints, route tables of one host, certificates
// and bundles of authorities. Envoy's main thread processes each as a whole, however little differs, and receives no other update
// meanwhile: one takes it tens of milliseconds, and a tenant can change several at any time. A large resource is sent in a
// response of its own, one at a time, and after it Envoy gets no other for restFactor times as long as this one took. The
// namespaces of those that wait are served in turn. Others do not wait, and neither does a large resource that Envoy asks for
// or has not had yet. Changes meanwhile are merged; after a period without changes nothing waits.
type rests struct {
	flight  *flight   // with a large resource; nil: there is none
	sentAt  time.Time // of the flight
	until   time.Time // no large resource is sent before
	queue   fairqueue.Queue[*resource]
	places  map[*resource]bool // those in queue; true: it waits and counts as queued
	waiting int                // how many of places wait
	turn    *resource          // the next to be sent; nil: there is none
	served  *resource          // the last that had its turn
}

// restFactor is how much longer than the update the rest after it is: a fifth of Envoy's main thread at most.
const restFactor = 4

// large reports whether updates of the resource are spaced. What has no owner, such as a route table of the hosts of many, is not:
// the edits of one would delay those of others.
func (l *Limits) large(v *table.Version) bool {
	if v.Owner() == "" {
		return false
	}
	switch v.Ref.Type {
	case table.Endpoint:
		return v.Size() >= l.LargeEndpoints
	case table.Route:
		return v.Size() >= l.LargeRoutes
	case table.Secret:
		return v.Size() >= l.LargeSecret
	default:
		return false
	}
}

// rest reports whether the resource, the first of the queue of its type, has to wait, and if so takes it from that queue.
func (s *State) rest(r *resource, now time.Time) bool {
	v := r.target()
	if v == nil || !s.limits.large(v) || r.responseDue || r.current() == "" || r.current() == v.Hash {
		return false
	}
	if s.rests.turn == r || s.rests.flight == nil && s.rests.turn == nil && s.rests.waiting == 0 && !now.Before(s.rests.until) {
		return false
	}
	s.types[r.ref.Type].pop()
	r.queued = true
	if s.rests.places == nil {
		s.rests.places = map[*resource]bool{}
	}
	if _, has := s.rests.places[r]; !has {
		s.rests.queue.Push(v.Owner(), r)
	}
	s.rests.places[r] = true
	s.rests.waiting++
	return true
}

// wake makes a resource that waits wait no more. It keeps its place, for when it waits again.
func (s *State) wake(r *resource) {
	if s.rests.places[r] {
		s.rests.places[r] = false
		s.rests.waiting--
		r.queued = false
	}
}

// endTurn records that a resource is taken from the queue of its type: what has its turn is sent, or has no need to be.
func (s *State) endTurn(r *resource) {
	if s.rests.turn == r {
		s.rests.turn, s.rests.served = nil, r
	}
}

// startRest records that a version of r is sent. What did not wait does not prolong the rest of what waits: a tenant can make
// large resources that Envoy has not had all the time.
func (s *State) startRest(r *resource, v *table.Version, f *flight, now time.Time) {
	if !s.limits.large(v) {
		return
	}
	if own := s.rests.served == r; own || s.rests.waiting == 0 {
		s.rests.served = nil
		s.rests.flight, s.rests.sentAt = f, now
	}
}

// endRest records that the flight is acknowledged or rejected.
func (s *State) endRest(f *flight, now time.Time) {
	if s.rests.flight != f {
		return
	}
	s.rests.flight = nil
	s.rests.until = now.Add(min(restFactor*now.Sub(s.rests.sentAt), s.limits.LongestRest))
}

// restDeadline returns when the next resource may be sent; zero if none waits for a time.
func (s *State) restDeadline() time.Time {
	if len(s.rests.places) == 0 || s.rests.flight != nil || s.rests.turn != nil {
		return time.Time{}
	}
	return s.rests.until
}

// expireRest gives its turn to the next resource if the rest is over.
func (s *State) expireRest(now time.Time) {
	if s.rests.flight != nil || s.rests.turn != nil || now.Before(s.rests.until) {
		return
	}
	for r, ok := s.rests.queue.Pop(); ok; r, ok = s.rests.queue.Pop() {
		waits := s.rests.places[r]
		if waits {
			s.mark(r)
			s.rests.turn = r
		}
		if delete(s.rests.places, r); len(s.rests.places) == 0 {
			s.rests.places = nil
		}
		if waits {
			return
		}
	}
}
