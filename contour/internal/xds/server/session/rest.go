package session

import (
	"time"

	"contour.example/contour/internal/xds/table"
)

// rests limits the rate of large sets of endpoints. Envoy's main thread processes every endpoint of an update, however little
// differs, and receives no other update meanwhile: a set of 10,000 takes it tens of milliseconds, and a tenant can change one of
// them at any time. A large set is sent in a response of its own, and after it Envoy gets no other large set for endpointRests
// times as long as this one took. Smaller sets do not wait, and neither does a set that Envoy asks for or has not had yet.
// Changes meanwhile are merged; after a period without changes nothing waits.
type rests struct {
	sentAt  time.Time              // of a large set in flight; zero: there is none
	until   time.Time              // no large set is sent before
	waiting map[*resource]struct{} // large sets that wait for until; they count as queued
}

// endpointRests is how much longer than the update the rest after it is: a fifth of Envoy's main thread at most.
const endpointRests = 4

func (s *State) isLargeSet(v *table.Version) bool {
	return v.Ref.Type == table.Endpoint && v.Size() >= s.limits.LargeEndpoints
}

// rest reports whether the resource, the first of the queue, has to wait, and if so takes it from the queue.
func (s *State) rest(r *resource, now time.Time) bool {
	v := r.target()
	if v == nil || !now.Before(s.rests.until) || !s.isLargeSet(v) || r.responseDue || r.current() == "" || r.current() == v.Hash {
		return false
	}
	s.types[r.ref.Type].pop()
	r.queued = true
	if s.rests.waiting == nil {
		s.rests.waiting = map[*resource]struct{}{}
	}
	s.rests.waiting[r] = struct{}{}
	return true
}

// wake queues a resource that waits.
func (s *State) wake(r *resource) {
	if _, waits := s.rests.waiting[r]; waits {
		delete(s.rests.waiting, r)
		r.queued = false
	}
}

// startRest records when a large set is sent.
func (s *State) startRest(v *table.Version, now time.Time) {
	if s.isLargeSet(v) {
		s.rests.sentAt = now
	}
}

// endRest records that all endpoints are acknowledged or rejected.
func (s *State) endRest(now time.Time) {
	if !s.rests.sentAt.IsZero() {
		s.rests.until = now.Add(min(endpointRests*now.Sub(s.rests.sentAt), s.limits.LongestRest))
	}
	s.rests.sentAt = time.Time{}
}

// restDeadline returns when waiting sets may be sent; zero if none waits.
func (s *State) restDeadline() time.Time {
	if len(s.rests.waiting) == 0 {
		return time.Time{}
	}
	return s.rests.until
}

// expireRest queues the sets whose wait is over.
func (s *State) expireRest(now time.Time) {
	if now.Before(s.rests.until) {
		return
	}
	for r := range s.rests.waiting {
		s.mark(r)
	}
}
