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
	set = append(set, composite(rds("plain"), "header", parts...))
	s.publish(nil, set...)
	s.subscribe(table.Cluster)
	s.subscribe(table.Endpoint, endpoints...)
	s.subscribe(table.Route, append(hosts, "plain")...)
	if responses := s.drain(); responses > 120 {
		t.Errorf("%d responses for the first load", responses)
	}
	snap := s.state.Snapshot()
	if !snap.Quiet() || snap.Acked[table.Cluster] != n || snap.Acked[table.Route] != n+1 {
		t.Fatalf("the load is not complete: %d clusters, %d routes", snap.Acked[table.Cluster], snap.Acked[table.Route])
	}
	s.publish(nil, simple(eds("c00007"), "2"))
	s.ack(s.expect(table.Endpoint, "c00007"))
	s.publish(nil, simple(rds("c00007"), "2", cds("c00007")))
	s.ack(s.expect(table.Route, "c00007"))
	parts[7] = part("c00007", "2", cds("c00007"))
	s.publish(nil, composite(rds("plain"), "header", parts...))
	s.ack(s.expect(table.Route, "plain"))
	s.publish(nil, composite(rds("plain"), "header", parts...))
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
