package session

import (
	"slices"
	"time"

	"contour.example/contour/internal/xds/table"
)

// Overdue reports that a resource was not acknowledged in time.
type Overdue struct {
	Need    table.Ref
	Waiting int // resources that wait for it
	// Sent: they are now sent without it. Otherwise the wait has no timeout: they wait until it is acknowledged.
	Sent bool
}

// blocker is a resource that must be acknowledged before v may be sent; false if there is none. A resource that does not exist
// blocks nothing. A route table that refers to other tables waits until they are acknowledged, and so does a scope of a
// table that needs another scope; the client subscribes to other needs when it has their dependant, so that they need
// not be acknowledged, but must be ready to be sent. A route table that needs a listener waits until the client has no
// listener of that name from a former stream that this table did not make: such a listener may lack filters that the route
// table configures, and Envoy ignores the configuration of a filter that is not there. That wait has no timeout. A listener waits
// for scopes and their route tables if the client subscribes to scopes already: it has no reason to wait for those of a
// filter chain that it has. It does not wait for a route table that waits for it.
func (s *State) blocker(v *table.Version) (table.Ref, bool) {
	return s.blockerOf(v, v.Ref.Type == table.Route || v.Ref.Type == table.Scope && needsScope(v))
}

func needsScope(v *table.Version) bool {
	return slices.ContainsFunc(v.Needs, func(need table.Ref) bool { return need.Type == table.Scope })
}

func (s *State) blockerOf(v *table.Version, atOnce bool) (table.Ref, bool) {
	for _, need := range v.Needs {
		r := s.resources[need]
		if need.Type == table.Listener {
			if atOnce && s.mayBeForeign(r) {
				return need, true
			}
			continue
		}
		if r == nil || r.target() == nil || r.overdue {
			continue
		}
		switch {
		case need.Type == table.Cluster:
			if !s.usable(r) {
				return need, true
			}
		case v.Ref.Type == table.Listener && s.subscribedScope(need):
			if blocker, blocked := s.blockerOfScope(r, v.Ref); blocked {
				return blocker, true
			}
		case r.had():
		case atOnce:
			return need, true
		default:
			if blocker, blocked := s.blockerOf(r.want, false); blocked {
				return blocker, true
			}
		}
	}
	return table.Ref{}, false
}

// subscribedScope reports whether the need is a scope, and the client subscribes to scopes already.
func (s *State) subscribedScope(need table.Ref) bool {
	return need.Type == table.Scope && s.types[table.Scope].wildcard
}

// blockerOfScope is a resource that a listener waits for because of its scope.
func (s *State) blockerOfScope(scope *resource, listener table.Ref) (table.Ref, bool) {
	if !scope.had() {
		return scope.ref, true
	}
	blocker, blocked := s.blockerOf(scope.want, true)
	return blocker, blocked && !s.waitsForListener(blocker, listener)
}

// waitsForListener reports whether a route table waits until the client has no content of the listener that this table did not make.
func (s *State) waitsForListener(route, listener table.Ref) bool {
	r := s.resources[route]
	return r.want != nil && r.want.HasNeed(listener) && s.mayBeForeign(s.resources[listener])
}

// mayBeForeign reports whether the client may have a content of the listener from a former stream that this table did not make.
func (s *State) mayBeForeign(listener *resource) bool {
	return listener.foreign() || s.reportDue(table.Listener)
}

// usable reports whether routes may use the cluster.
func (s *State) usable(r *resource) bool {
	warm := r.present()
	for _, h := range r.contents {
		if h.seq <= r.removedSeq {
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
func (s *State) complete(h content) bool {
	return h.version == nil || !slices.ContainsFunc(h.version.Needs, func(need table.Ref) bool {
		r := s.resources[need]
		return r != nil && r.target() != nil && !r.had()
	})
}

// warm reports whether a cluster in flight has all that it waits for. Envoy answers CDS
// responses in order, so another cluster may delay the answer; but a cluster that needs
// nothing but endpoints, not even a check of their health, is ready once endpoints sent after it are acknowledged. Of several
// versions in flight Envoy may have rejected the newest, so each of them must be warm.
func (s *State) warm(h content) bool {
	if h.status != sent || len(h.version.Needs) == 0 || h.version.ChecksHealth() {
		return false
	}
	for _, need := range h.version.Needs {
		e := s.resources[need]
		if need.Type != table.Endpoint || e == nil {
			return false
		}
		if !slices.ContainsFunc(e.contents, func(x content) bool { return x.status == acked && x.seq > h.seq }) {
			return false
		}
	}
	return true
}

// isNeeded reports whether something that the client has, or may have, needs the resource and keeps it.
func (s *State) isNeeded(ref table.Ref) bool {
	if !ref.Type.Kept() {
		return false
	}
	if s.needed.Get(ref).all > 0 {
		return true
	}
	for _, t := range table.Types() {
		if t.MayNeed(ref.Type) && (s.reportDue(t) || s.unknown[t] > 0 && (t != table.Route || s.mayLeadTo(ref))) {
			return true
		}
	}
	return false
}

// mayLeadTo reports whether a route table that the client has, and that we do not know, may need the resource.
func (s *State) mayLeadTo(ref table.Ref) bool {
	return ref.Type == table.Cluster || s.outdated
}

// review updates outdated: whether a listener, scope or route table of the client is not the wanted one, while the client
// has unknown route tables. When all are the wanted ones, no request reaches an unknown table, so that these need
// nothing: otherwise they would wait for the removal of the scopes that refer to them, and these for theirs.
func (s *State) review(changed table.Type) {
	if changed != table.Listener && changed != table.Scope && changed != table.Route {
		return
	}
	before := s.outdated
	s.outdated = s.unknown[table.Route] > 0 && s.anyOutdated()
	if before && !s.outdated {
		s.markRemovalsPending()
	}
}

func (s *State) anyOutdated() bool {
	for ref, r := range s.resources {
		switch ref.Type {
		case table.Scope, table.Route:
			if r.absent() {
				continue
			}
		case table.Listener:
		default:
			continue
		}
		if slices.ContainsFunc(r.contents, func(h content) bool { return r.want == nil || h.hash != r.want.Hash }) {
			return true
		}
	}
	return false
}

// reportDue reports whether a client that has resources from a former stream has yet to report
// those of this type.
func (s *State) reportDue(t table.Type) bool {
	switch {
	case !s.resumed || s.types[t].seen:
		return false
	case t == table.Scope:
		return s.neededOf[t] > 0 || s.unknown[table.Listener] > 0 || s.reportDue(table.Listener)
	case t == table.Route:
		return s.neededOf[t] > 0 || s.unknown[table.Scope] > 0 || s.reportDue(table.Scope)
	default:
		return t == table.Cluster || t == table.Listener
	}
}

// block takes the resource out of the queue until what it waits for is acknowledged, changes or is overdue.
func (s *State) block(r *resource, blocker table.Ref, now time.Time) {
	if s.blocked[blocker] == nil {
		s.blocked[blocker] = map[*resource]struct{}{}
	}
	s.blocked[blocker][r] = struct{}{}
	r.blockedBy = blocker
	b := s.at(blocker)
	if blocker.Type == table.Cluster {
		s.watchWarming(b)
	}
	if b.awaited.IsZero() {
		b.awaited = now
	}
	s.checkAt = earliest(s.checkAt, s.dueTime(b))
}

// watchWarming rechecks a cluster when something that it waits for is acknowledged.
func (s *State) watchWarming(cluster *resource) {
	for _, need := range cluster.want.Needs {
		if !slices.Contains(s.warming[need], cluster.ref) {
			s.warming[need] = append(s.warming[need], cluster.ref)
		}
	}
}

func (s *State) unblock(r *resource) {
	if waiting := s.blocked[r.blockedBy]; waiting != nil {
		delete(waiting, r)
		if len(waiting) == 0 {
			delete(s.blocked, r.blockedBy)
		}
	}
	r.blockedBy = table.Ref{}
}

// recheckDependants queues what is blocked by the resource, or by a cluster that waits for it.
func (s *State) recheckDependants(ref table.Ref) {
	for r := range s.blocked[ref] {
		s.mark(r)
	}
	for _, cluster := range s.warming[ref] {
		s.recheckDependants(cluster)
	}
	delete(s.warming, ref)
}

// recheckType queues what resources of the type block.
func (s *State) recheckType(t table.Type) {
	for ref := range s.blocked {
		if ref.Type == t {
			s.recheckDependants(ref)
		}
	}
}

// recheckBlocked queues blocked listeners and scopes after a resource of a type that they depend on indirectly changed.
func (s *State) recheckBlocked(t table.Type) {
	if t != table.Route && t != table.Scope {
		return
	}
	for _, waiting := range s.blocked {
		for r := range waiting {
			if r.ref.Type == table.Listener || r.ref.Type == table.Scope {
				s.mark(r)
			}
		}
	}
}

// Deadline returns when to call Expire; false if nothing waits.
func (s *State) Deadline() (time.Time, bool) {
	deadline := earliest(earliest(s.checkAt, s.paceDeadline()), earliest(s.restDeadline(), s.deferralDeadline()))
	return deadline, !deadline.IsZero()
}

// Expire unblocks the resources that waited too long, and lists the needs that they waited for; a need without a timeout is
// listed once, and what needs it waits on. The clock of a resource starts again when it is sent and when any CDS response is
// acknowledged: an Envoy that processes many clusters makes progress.
func (s *State) Expire(now time.Time) []Overdue {
	s.expirePace(now)
	s.expireRest(now)
	s.expireDeferrals(now)
	if s.checkAt.IsZero() || now.Before(s.checkAt) {
		return nil
	}
	s.checkAt = time.Time{}
	var overdue []Overdue
	for ref, waiting := range s.blocked {
		awaited := s.resources[ref]
		if awaited.overdue {
			continue // listed before: it has no timeout
		}
		due := s.dueTime(awaited)
		if !due.After(now) {
			overdue = append(overdue, Overdue{Need: ref, Waiting: len(waiting), Sent: ref.Type != table.Listener})
		} else if s.checkAt.IsZero() || due.Before(s.checkAt) {
			s.checkAt = due
		}
	}
	for _, o := range overdue {
		s.resources[o.Need].overdue = true
		if o.Sent {
			s.recheckDependants(o.Need)
		}
	}
	slices.SortFunc(overdue, func(a, b Overdue) int { return a.Need.Compare(b.Need) })
	return overdue
}

// dueTime returns when the resource has been waited for too long. Envoy acknowledges a cluster with health checks after the
// first check of each endpoint, so that its owner decides how long that takes; others that share a route table with it do not
// wait for that, and no acknowledgement of another cluster prolongs it.
func (s *State) dueTime(awaited *resource) time.Time {
	since := awaited.awaited
	if awaited.sentAt.After(since) {
		since = awaited.sentAt
	}
	if awaited.want != nil && awaited.want.ChecksHealth() {
		return since.Add(s.limits.HealthCheckWait)
	}
	if s.lastAck.After(since) {
		since = s.lastAck
	}
	return since.Add(s.limits.NeedWait)
}

// markUsable records that the client has the resource, and queues what was blocked by it.
func (s *State) markUsable(r *resource) {
	r.overdue, r.awaited = false, time.Time{}
	s.recheckDependants(r.ref)
}
