package session

import (
	"time"

	"contour.example/contour/internal/xds/table"
)

// pace limits the rate of large listeners, for two reasons. Envoy processes every filter chain of a listener update,
// however little differs, and its main thread does nothing else meanwhile: after each update Envoy receives no other for as long as
// the update took, so that continuous additions cost at most half of its main thread. And Envoy keeps each former version
// of a listener until its drain time is over, at more than five times the bytes: bytes sent within the drain time are
// counted, and beyond a budget listeners are sent no faster than Envoy releases them. Changes meanwhile are merged into
// one response; after a period without changes nothing waits.
type pace struct {
	sentAt  time.Time // of a large listener in flight; zero: there is none
	until   time.Time // no large listener is sent before
	waiting bool      // a large listener waits for until

	drainingBytes float64   // bytes of former versions that Envoy keeps, approximately
	drainingAt    time.Time // when that was so
}

// paced reports whether the resource has to wait, and records it. It is cheaper than decide and therefore
// called first.
func (s *State) paced(r *resource, now time.Time) bool {
	v := r.target()
	if v == nil || !s.isLarge(v) || !now.Before(s.pace.until) || !r.responseDue && r.current() == v.Hash {
		return false
	}
	s.pace.waiting = true
	return true
}

func (s *State) isLarge(v *table.Version) bool {
	return v.Ref.Type == table.Listener && v.Size() >= s.limits.LargeListener
}

// startPace records when a large listener is sent.
func (s *State) startPace(v *table.Version, now time.Time) {
	if !s.isLarge(v) {
		return
	}
	s.pace.sentAt = now
	budget := float64(s.limits.DrainingBytes)
	released := now.Sub(s.pace.drainingAt).Seconds() * s.drainRate()
	s.pace.drainingBytes = min(max(s.pace.drainingBytes-released, 0)+float64(v.Size()), 2*budget)
	s.pace.drainingAt = now
}

// drainRate is the bytes a second that Envoy releases while it keeps the whole budget.
func (s *State) drainRate() float64 {
	return float64(s.limits.DrainingBytes) / s.limits.DrainTime.Seconds()
}

// endPace records that all listeners are acknowledged or rejected. A rejected one starts no rest: its repair is urgent.
func (s *State) endPace(accepted bool, now time.Time) {
	if accepted && !s.pace.sentAt.IsZero() {
		rest := min(now.Sub(s.pace.sentAt), s.limits.LongestRest)
		if excess := s.pace.drainingBytes - float64(s.limits.DrainingBytes); excess > 0 {
			released := time.Duration(excess / s.drainRate() * float64(time.Second))
			rest = max(rest, min(released, s.limits.LongestDrain))
		}
		s.pace.until = now.Add(rest)
	}
	s.pace.sentAt = time.Time{}
}

// paceDeadline returns when a waiting listener may be sent; zero if none waits.
func (s *State) paceDeadline() time.Time {
	if !s.pace.waiting {
		return time.Time{}
	}
	return s.pace.until
}

// expirePace ends a wait that is over, so that Next considers the listener again.
func (s *State) expirePace(now time.Time) {
	if !now.Before(s.pace.until) {
		s.pace.waiting = false
	}
}

// earliest is the first of two times, where zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
