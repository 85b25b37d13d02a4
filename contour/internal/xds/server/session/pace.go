package session

import (
	"time"

	"contour.example/contour/internal/xds/table"
)

// pace spaces out large listeners, for two reasons. Envoy looks at every filter chain of a listener that it is sent,
// however little differs, and does nothing else meanwhile: after each it is left alone for as long as it took, so that a
// stream of additions costs it half of its time at most. And it keeps every former version of a listener until its drain
// time is over, at more than five times the bytes: what was sent of late is counted, and beyond a budget it is sent no
// faster than Envoy forgets. What is added meanwhile comes in one response; after a quiet time nothing waits.
type pace struct {
	sentAt time.Time // of a large listener that is not answered yet; zero: there is none
	until  time.Time // no other large one before
	held   bool      // one waits for that

	kept   float64   // bytes of former versions that Envoy keeps, about
	keptAt time.Time // when that was so
}

// paced reports whether the resource has to wait, and remembers that it does. What else it may wait for, which is more
// to look at, comes later.
func (s *State) paced(r *resource, now time.Time) bool {
	v := r.target()
	if v == nil || !s.isLarge(v) || !now.Before(s.pace.until) || !r.owed && r.current() == v.Hash {
		return false
	}
	s.pace.held = true
	return true
}

func (s *State) isLarge(v *table.Version) bool {
	return v.Ref.Type == table.Listener && v.Size() >= s.limits.LargeListener
}

// startPace notes when a large listener is sent.
func (s *State) startPace(v *table.Version, now time.Time) {
	if !s.isLarge(v) {
		return
	}
	s.pace.sentAt = now
	budget := float64(s.limits.DrainingBytes)
	forgotten := now.Sub(s.pace.keptAt).Seconds() * s.forgets()
	s.pace.kept = min(max(s.pace.kept-forgotten, 0)+float64(v.Size()), 2*budget)
	s.pace.keptAt = now
}

// forgets is the bytes a second that Envoy forgets while it keeps the whole budget.
func (s *State) forgets() float64 {
	return float64(s.limits.DrainingBytes) / s.limits.DrainTime.Seconds()
}

// endPace notes that all listeners are answered. A refused one costs no rest: its repair is urgent.
func (s *State) endPace(accepted bool, now time.Time) {
	if accepted && !s.pace.sentAt.IsZero() {
		rest := min(now.Sub(s.pace.sentAt), s.limits.LongestRest)
		if excess := s.pace.kept - float64(s.limits.DrainingBytes); excess > 0 {
			forgotten := time.Duration(excess / s.forgets() * float64(time.Second))
			rest = max(rest, min(forgotten, s.limits.LongestDrain))
		}
		s.pace.until = now.Add(rest)
	}
	s.pace.sentAt = time.Time{}
}

// paceDeadline is when what waits may go; zero if nothing does.
func (s *State) paceDeadline() time.Time {
	if !s.pace.held {
		return time.Time{}
	}
	return s.pace.until
}

// expirePace ends the wait that is over: Next looks again.
func (s *State) expirePace(now time.Time) {
	if !now.Before(s.pace.until) {
		s.pace.held = false
	}
}

// earliest is the first of two times, where zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
