package session_test

import (
	"fmt"
	"testing"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// TestScale loads 10,000 hosts and then changes one thing at a time: what is sent must be
// that thing, whatever else there is.
func TestScale(t *testing.T) {
	const n = 10_000
	s := newScript(t, session.Limits{})
	var set []*table.Resource
	var endpoints, hosts []string
	var parts []table.Part
	for i := range n {
		name := fmt.Sprintf("c%05d", i)
		set = append(set, edsCluster(name, "1")...)
		endpoints = append(endpoints, name)
		hosts = append(hosts, name)
		set = append(set, simple(rds(name), "1", cds(name)))
		parts = append(parts, part(name, "1", cds(name)))
	}
	set = append(set, composite(rds("shared"), "header", parts...))
	s.publish(nil, set...)
	s.subscribe(table.Cluster)
	s.subscribe(table.Endpoint, endpoints...)
	s.subscribe(table.Route, append(hosts, "shared")...)
	if responses := s.drain(); responses > 120 {
		t.Errorf("%d responses for the first load", responses)
	}
	snap := s.state.Snapshot()
	if !snap.Idle() || snap.Synced[table.Cluster] != n || snap.Synced[table.Route] != n+1 {
		t.Fatalf("the load is not complete: %d clusters, %d routes", snap.Synced[table.Cluster], snap.Synced[table.Route])
	}
	s.publish(nil, simple(eds("c00007"), "2"))
	s.ack(s.expect(table.Endpoint, "c00007"))
	s.publish(nil, simple(rds("c00007"), "2", cds("c00007")))
	s.ack(s.expect(table.Route, "c00007"))
	parts[7] = part("c00007", "2", cds("c00007"))
	s.publish(nil, composite(rds("shared"), "header", parts...))
	s.ack(s.expect(table.Route, "shared"))
	s.publish(nil, composite(rds("shared"), "header", parts...))
	s.expectNothing()
}

// drain acknowledges everything; the result is the number of responses.
func (s *script) drain() int {
	s.t.Helper()
	responses := 0
	for r := next(s.state, s.now); r != nil; r = next(s.state, s.now) {
		responses++
		s.ack(r)
	}
	return responses
}

// TestManyUnknownTablesLeave has a client come back with tables that nobody wants any more, in versions that nobody
// knows: whether one of them may go must not depend on a look at all the others.
func TestManyUnknownTablesLeave(t *testing.T) {
	const n = 25_000
	s := running(t)
	first := &request{TypeUrl: table.Route.URL(), InitialResourceVersions: map[string]string{}}
	for i := range n {
		name := fmt.Sprint("x", i)
		first.InitialResourceVersions[name] = "old"
		first.ResourceNamesSubscribe = append(first.ResourceNamesSubscribe, name)
	}
	again := newScript(t, session.Limits{})
	again.table, again.watch = s.table, s.table.Watch("again")
	t.Cleanup(again.watch.Close)
	again.apply()
	for _, r := range []*request{
		{TypeUrl: table.Cluster.URL(), InitialResourceVersions: s.state.Acked()[table.Cluster]},
		{TypeUrl: table.Listener.URL(), InitialResourceVersions: s.state.Acked()[table.Listener]},
		{TypeUrl: table.Scope.URL(), InitialResourceVersions: map[string]string{"x": "old"}},
		first,
	} {
		again.request(r)
	}
	again.ack(again.expect(table.Scope, "-x"))
	r := next(again.state, again.now)
	if len(r.GetRemovedResources()) != n {
		t.Fatalf("%d of %d tables are removed at once", len(r.GetRemovedResources()), n)
	}
	again.ack(r)
	again.expectNothing()
}
