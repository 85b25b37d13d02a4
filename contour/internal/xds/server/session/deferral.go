package session

import (
	"time"

	"contour.example/contour/internal/xds/table"
)

// deferral is the removal of a cluster that Envoy itself calls, and that nothing needs any more. Envoy ends the calls in flight when it
// removes the cluster, and fails the requests that wait for them, so that the cluster is removed only after Limits.CallTime.
type deferral struct {
	resource *resource
	until    time.Time
}

// deferRemoval reports whether the resource, the first of the queue of its type, is to be removed, but not yet, and if so takes it
// from that queue. It does not count as pending.
func (s *State) deferRemoval(r *resource, now time.Time) bool {
	if r.ref.Type != table.Cluster {
		return false
	}
	if v := r.known(); v == nil || r.responseDue || !v.CalledByEnvoy() || s.decide(r).what != remove {
		r.removeAt = time.Time{}
		return false
	}
	if r.removeAt.IsZero() {
		r.removeAt = now.Add(s.limits.CallTime)
		if !r.deferred {
			r.deferred = true
			s.deferrals = append(s.deferrals, deferral{r, r.removeAt})
		}
	}
	if !now.Before(r.removeAt) {
		return false
	}
	s.types[r.ref.Type].pop()
	return true
}

// deferralDeadline returns when the next cluster may be removed; zero if no removal is deferred.
func (s *State) deferralDeadline() time.Time {
	if len(s.deferrals) == 0 {
		return time.Time{}
	}
	return s.deferrals[0].until
}

// expireDeferrals marks the clusters whose time is over. That of one that was needed again meanwhile, and then no more, begins anew.
func (s *State) expireDeferrals(now time.Time) {
	for len(s.deferrals) > 0 && !now.Before(s.deferrals[0].until) {
		r := s.deferrals[0].resource
		if s.deferrals = s.deferrals[1:]; len(s.deferrals) == 0 {
			s.deferrals = nil
		}
		if now.Before(r.removeAt) {
			s.deferrals = append(s.deferrals, deferral{r, r.removeAt})
			continue
		}
		r.deferred = false
		if !r.removeAt.IsZero() && s.resources[r.ref] == r {
			s.mark(r)
		}
	}
}
