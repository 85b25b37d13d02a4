package session

import (
	"slices"
	"time"

	"contour.example/contour/internal/xds/table"
)

// Overdue says that a cluster was not acknowledged in time, so that what needs it goes without.
type Overdue struct {
	Need    table.Ref
	Waiting int // resources that waited for it
}

// blocker is a cluster that must be acknowledged before v may be sent; false if there is none.
// The client asks for endpoints, secrets and routes once it has what needs them, so those need
// not be acknowledged, but must be ready to be sent. What does not exist blocks nothing.
func (s *State) blocker(v *table.Version) (table.Ref, bool) {
	for _, need := range v.Needs {
		r := s.resources[need]
		if r == nil || r.target() == nil || r.overdue {
			continue
		}
		if need.Type == table.Cluster {
			if !s.open(r) {
				return need, true
			}
			continue
		}
		if r.had() {
			continue
		}
		if cluster, blocked := s.blocker(r.want); blocked {
			return cluster, true
		}
	}
	return table.Ref{}, false
}

// open reports whether routes may use the cluster.
func (s *State) open(r *resource) bool {
	warm := r.present()
	for _, h := range r.holds {
		if h.seq <= r.goneSeq {
			continue
		}
		if h.status == acked && (h.seq != reportedSeq || s.complete(h)) {
			return true
		}
		warm = warm && s.warm(h)
	}
	return warm
}

// complete reports whether the client has all that a cluster from a former stream needs: it
// may have been disconnected while the cluster waited for it.
func (s *State) complete(h hold) bool {
	return h.version == nil || !slices.ContainsFunc(h.version.Needs, func(need table.Ref) bool {
		r := s.resources[need]
		return r != nil && r.target() != nil && !r.had()
	})
}

// warm reports whether a cluster in flight has all that it waits for. Envoy answers CDS
// responses in order, so another cluster may hold back the answer; but a cluster that needs
// nothing but endpoints is ready once endpoints sent after it are acknowledged. Of several
// versions in flight Envoy may have refused the newest, so each of them must be warm.
func (s *State) warm(h hold) bool {
	if h.status != sent || len(h.version.Needs) == 0 {
		return false
	}
	for _, need := range h.version.Needs {
		e := s.resources[need]
		if need.Type != table.Endpoint || e == nil {
			return false
		}
		if !slices.ContainsFunc(e.holds, func(x hold) bool { return x.status == acked && x.seq > h.seq }) {
			return false
		}
	}
	return true
}

// isNeeded reports whether something that the client has, or may have, needs the resource.
func (s *State) isNeeded(ref table.Ref) bool {
	if s.needed[ref] > 0 {
		return true
	}
	for _, t := range table.Types() {
		if mayNeed(t, ref.Type) && (s.unknown[t] > 0 || s.unheard(t)) {
			return true
		}
	}
	return false
}

// unheard reports whether a client that goes on with what it has from a former stream will
// still say what it has of this type.
func (s *State) unheard(t table.Type) bool {
	switch {
	case !s.resumed || s.types[t].seen:
		return false
	case t == table.Route:
		return s.routesNeeded > 0
	default:
		return t == table.Cluster || t == table.Listener
	}
}

// mayNeed reports whether resources of one type can need those of another.
func mayNeed(t, need table.Type) bool {
	switch t {
	case table.Cluster:
		return need == table.Endpoint || need == table.Secret
	case table.Listener:
		return need != table.Listener
	case table.Route:
		return need == table.Cluster
	default:
		return false
	}
}

// park puts the resource aside until the cluster is open, changes or is overdue.
func (s *State) park(r *resource, cluster table.Ref, now time.Time) {
	if s.parked[cluster] == nil {
		s.parked[cluster] = map[*resource]struct{}{}
	}
	s.parked[cluster][r] = struct{}{}
	r.parkedOn = cluster
	c := s.resources[cluster]
	for _, need := range c.want.Needs {
		if !slices.Contains(s.warming[need], cluster) {
			s.warming[need] = append(s.warming[need], cluster)
		}
	}
	if c.awaited.IsZero() {
		c.awaited = now
	}
	if s.alarm.IsZero() {
		s.alarm = now.Add(s.limits.NeedWait)
	}
}

func (s *State) unpark(r *resource) {
	if waiting := s.parked[r.parkedOn]; waiting != nil {
		delete(waiting, r)
		if len(waiting) == 0 {
			delete(s.parked, r.parkedOn)
		}
	}
	r.parkedOn = table.Ref{}
}

// wake has looked at again what waits for the resource: for a cluster, or for a cluster that
// waits for it.
func (s *State) wake(ref table.Ref) {
	for r := range s.parked[ref] {
		s.mark(r)
	}
	for _, cluster := range s.warming[ref] {
		s.wake(cluster)
	}
	delete(s.warming, ref)
}

// wakeListeners marks the listeners that wait: they look through routes, which changed.
func (s *State) wakeListeners() {
	for _, waiting := range s.parked {
		for r := range waiting {
			if r.ref.Type == table.Listener {
				s.mark(r)
			}
		}
	}
}

// Deadline is when to call Expire; false if there is nothing to wait for.
func (s *State) Deadline() (time.Time, bool) { return s.alarm, !s.alarm.IsZero() }

// Expire releases what waited too long, and lists for what it waited. The clock of a cluster
// starts again when it is sent and when any CDS response is acknowledged: an Envoy that works
// its way through many clusters is not stuck.
func (s *State) Expire(now time.Time) []Overdue {
	if s.alarm.IsZero() || now.Before(s.alarm) {
		return nil
	}
	s.alarm = time.Time{}
	var overdue []Overdue
	for ref, waiting := range s.parked {
		due := s.dueTime(s.resources[ref])
		if !due.After(now) {
			overdue = append(overdue, Overdue{Need: ref, Waiting: len(waiting)})
		} else if s.alarm.IsZero() || due.Before(s.alarm) {
			s.alarm = due
		}
	}
	for _, o := range overdue {
		s.resources[o.Need].overdue = true
		s.wake(o.Need)
	}
	slices.SortFunc(overdue, func(a, b Overdue) int { return a.Need.Compare(b.Need) })
	return overdue
}

func (s *State) dueTime(cluster *resource) time.Time {
	since := cluster.awaited
	for _, t := range []time.Time{cluster.sentAt, s.lastAck} {
		if t.After(since) {
			since = t
		}
	}
	return since.Add(s.limits.NeedWait)
}

// opened takes note that the client has the resource: what waited for it is looked at again.
func (s *State) opened(r *resource) {
	r.overdue, r.awaited = false, time.Time{}
	s.wake(r.ref)
}
