package session_test

import (
	"testing"
	"time"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// guarded is what a route table with policies and its listener need: each other.
func guarded(version string) []*table.Resource {
	return append(edsCluster("a", "1"), simple(rds("r"), version, cds("a"), lds("l")), simple(lds("l"), version, rds("r")))
}

// The first listener and the first route table with policies arrive together: neither waits for the other for good.
func TestAListenerAndItsPoliciesArriveTogether(t *testing.T) {
	s := newScript(t, session.Limits{})
	s.publish(nil, guarded("1")...)
	s.subscribe(table.Cluster)
	s.subscribe(table.Listener)
	clusters := s.expect(table.Cluster, "a")
	s.expectNothing()
	s.subscribe(table.Endpoint, "a")
	s.ack(s.expect(table.Endpoint, "a"))
	s.ack(clusters)
	s.ack(s.expect(table.Listener, "l"))
	s.subscribe(table.Route, "r")
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
	s.publish(nil, guarded("2")...) // both change
	listener := s.expect(table.Listener, "l")
	s.ack(s.expect(table.Route, "r")) // the listener that the client has is of this table
	s.ack(listener)
	s.publish([]table.Ref{lds("l"), rds("r")})
	s.ack(s.expect(table.Listener, "-l"))
	s.ack(s.expect(table.Route, "-r"))
	s.expectNothing()
}

// resume is a client that comes back with cluster a as it is, and with another listener and route table.
func resume(t *testing.T, listeners bool) *script {
	s := newScript(t, session.Limits{})
	s.publish(nil, guarded("2")...)
	hash := func(ref table.Ref) string { return s.table.Get(ref).Hash }
	s.request(&request{TypeUrl: table.Cluster.URL(), InitialResourceVersions: map[string]string{"a": hash(cds("a"))}})
	s.request(&request{TypeUrl: table.Endpoint.URL(), InitialResourceVersions: map[string]string{"a": hash(eds("a"))}, ResourceNamesSubscribe: []string{"a"}})
	if listeners {
		s.request(&request{TypeUrl: table.Listener.URL(), InitialResourceVersions: map[string]string{"l": "old"}})
	}
	s.request(&request{TypeUrl: table.Route.URL(), InitialResourceVersions: map[string]string{"r": "old"}, ResourceNamesSubscribe: []string{"r"}})
	return s
}

// A client with the listener of a former controller gets no policies before it has accepted this one's.
func TestPoliciesWaitForTheListenerWithTheirCarrier(t *testing.T) {
	s := resume(t, true)
	listener := s.expect(table.Listener, "l")
	s.expectNothing()
	deadline, ok := s.state.Deadline()
	if !ok {
		t.Fatal("nobody hears of the wait")
	}
	s.now = deadline
	if overdue := s.state.Expire(s.now); len(overdue) != 1 || overdue[0] != (session.Overdue{Need: lds("l"), Waiting: 1}) {
		t.Fatalf("overdue: %v", overdue)
	}
	s.expectNothing() // no time ends the wait: the policies would have no effect
	if deadline, ok := s.state.Deadline(); ok {
		t.Errorf("the wait is reported again at %v", deadline)
	}
	s.publish(nil, simple(rds("r"), "3", cds("a"), lds("l")))
	s.expectNothing()
	for range 3 {
		s.now = s.now.Add(time.Minute)
		if overdue := s.state.Expire(s.now); len(overdue) > 0 {
			t.Errorf("reported again: %v", overdue)
		}
	}
	s.ack(listener)
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
}

// Nor before it has said what listeners it has.
func TestPoliciesWaitUntilTheClientSaysWhatListenersItHas(t *testing.T) {
	s := resume(t, false)
	s.expectNothing()
	s.request(&request{TypeUrl: table.Listener.URL(), InitialResourceVersions: map[string]string{"l": s.table.Get(lds("l")).Hash}})
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
}

// A client that refuses the listener keeps what it has, with the routes that fit.
func TestPoliciesDoNotFollowARejectedListener(t *testing.T) {
	s := resume(t, true)
	s.nack(s.expect(table.Listener, "l"), "no")
	s.expectNothing()
	s.publish([]table.Ref{lds("l")})
	s.ack(s.expect(table.Listener, "-l"))
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
}
