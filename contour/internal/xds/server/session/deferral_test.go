package session_test

import (
	"testing"
	"time"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// called is a cluster that Envoy itself calls, with its endpoints.
func called(name string) []*table.Resource {
	out := edsCluster(name, "1")
	out[0].Origins = []kobj.Key{kobj.Of(kobj.ExtensionService, "team", "authorizer")}
	return out
}

// calling is a session whose client has cluster a, which Envoy itself calls for route r.
func calling(t *testing.T) *script {
	s := newScript(t, session.Limits{CallTime: 10 * time.Second})
	s.publish(nil, append(called("a"), simple(rds("r"), "1", cds("a")), simple(lds("l"), "1", rds("r")))...)
	for _, typ := range []table.Type{table.Cluster, table.Listener} {
		s.subscribe(typ)
	}
	clusters := s.expect(table.Cluster, "a")
	s.subscribe(table.Endpoint, "a")
	s.ack(s.expect(table.Endpoint, "a"))
	s.ack(clusters)
	s.ack(s.expect(table.Listener, "l"))
	s.subscribe(table.Route, "r")
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
	return s
}

// idleFor lets time pass in which the client has nothing to do.
func (s *script) idleFor(d time.Duration) {
	s.t.Helper()
	s.now = s.now.Add(d)
	s.state.Expire(s.now)
	s.expectNothing()
}

// release makes the route need the cluster no more, and removes it from the table.
func (s *script) release(text string) {
	s.t.Helper()
	s.publish([]table.Ref{cds("a"), eds("a")}, simple(rds("r"), text))
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
	if !s.state.Snapshot().Idle() {
		s.t.Error("a deferred removal makes the session busy")
	}
}

// A cluster that Envoy calls is removed when its calls have had their time, after the routes that used it.
func TestRemovalOfACalledClusterIsDeferred(t *testing.T) {
	s := calling(t)
	s.release("2")
	if at, ok := s.state.Deadline(); !ok || at.Sub(s.now) != 10*time.Second {
		t.Errorf("the next deadline is in %s, %t; want 10s", at.Sub(s.now), ok)
	}
	s.idleFor(10*time.Second - 1)
	s.now = s.now.Add(1)
	s.state.Expire(s.now)
	s.ack(s.expect(table.Cluster, "-a"))
	if at, ok := s.state.Deadline(); ok {
		t.Errorf("there is still a deadline, %s", at)
	}
}

// A cluster that is needed again before its removal stays, and has the whole time when it is needed no more.
func TestDeferredRemovalBeginsAnew(t *testing.T) {
	s := calling(t)
	s.release("2")
	s.idleFor(6 * time.Second)
	s.publish(nil, append(called("a"), simple(rds("r"), "3", cds("a")))...)
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
	s.idleFor(2 * time.Second)
	s.release("4")
	s.idleFor(10*time.Second - 1)
	s.now = s.now.Add(1)
	s.state.Expire(s.now)
	s.expect(table.Cluster, "-a")
}

// A cluster that is needed again for good is not removed.
func TestDeferredRemovalIsCancelled(t *testing.T) {
	s := calling(t)
	s.release("2")
	s.publish(nil, append(called("a"), simple(rds("r"), "3", cds("a")))...)
	s.ack(s.expect(table.Route, "r"))
	s.idleFor(time.Minute)
	if at, ok := s.state.Deadline(); ok {
		t.Errorf("there is still a deadline, %s", at)
	}
}
