package session_test

import (
	"testing"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// scoped is a session whose client has a listener that finds its routes by a scope.
func scoped(t *testing.T) *script {
	s := newScript(t, session.Limits{})
	s.publish(nil, append(edsCluster("a", "1"), simple(rds("first"), "1", cds("a")), simple(srd("first"), "1", rds("first")), simple(lds("l"), "1", srd("first")))...)
	s.subscribe(table.Cluster)
	s.subscribe(table.Listener)
	clusters := s.expect(table.Cluster, "a")
	s.expectNothing() // the listener waits: the route table of its scope waits for the cluster
	s.subscribe(table.Endpoint, "a")
	s.ack(s.expect(table.Endpoint, "a"))
	s.ack(clusters)
	s.ack(s.expect(table.Listener, "l"))
	s.subscribe(table.Scope)
	s.ack(s.expect(table.Scope, "first"))
	s.subscribe(table.Route, "first")
	s.ack(s.expect(table.Route, "first"))
	s.expectNothing()
	return s
}

func TestATableThatLeadsToOthersWaitsForThem(t *testing.T) {
	s := scoped(t)
	shards := []table.Ref{srd("x"), rds("x"), srd("y"), rds("y")}
	s.publish(nil, append(
		edsCluster("b", "1"),
		simple(srd("x"), "1", rds("x")), simple(rds("x"), "1", cds("a")),
		simple(srd("y"), "1", rds("y")), simple(rds("y"), "1", cds("b")),
		simple(rds("first"), "2", shards...),
	)...)
	clusters := s.expect(table.Cluster, "b")
	s.ack(s.expect(table.Scope, "x")) // scope y waits: its table waits for cluster b
	s.subscribe(table.Route, "x")
	s.ack(s.expect(table.Route, "x"))
	s.expectNothing()
	s.subscribe(table.Endpoint, "b")
	s.ack(s.expect(table.Endpoint, "b"))
	s.ack(clusters)
	s.ack(s.expect(table.Scope, "y"))
	s.expectNothing()
	s.subscribe(table.Route, "y")
	s.ack(s.expect(table.Route, "y"))
	s.ack(s.expect(table.Route, "first"))
	s.expectNothing()

	s.publish(shards, simple(rds("first"), "3", cds("a")))
	first := s.expect(table.Route, "first")
	s.expectNothing() // the client may still use the shards
	s.ack(first)
	s.ack(s.expect(table.Scope, "-x", "-y"))
	s.ack(s.expect(table.Route, "-x", "-y"))
	s.expectNothing()
}

func TestATableWaitsForTheOthersForABoundedTime(t *testing.T) {
	s := scoped(t)
	s.publish(nil, simple(srd("x"), "1", rds("x")), simple(rds("x"), "1", cds("a")), simple(rds("first"), "2", srd("x"), rds("x")))
	s.expect(table.Scope, "x") // never answered
	s.expectNothing()
	deadline, ok := s.state.Deadline()
	if !ok {
		t.Fatal("nothing bounds the wait")
	}
	s.now = deadline
	overdue := s.state.Expire(s.now)
	if len(overdue) != 1 || overdue[0].Need != srd("x") {
		t.Fatalf("overdue: %v", overdue)
	}
	s.expectNothing() // now for the table of the scope
	s.now, _ = s.state.Deadline()
	if overdue = s.state.Expire(s.now); len(overdue) != 1 || overdue[0].Need != rds("x") {
		t.Fatalf("overdue: %v", overdue)
	}
	s.expect(table.Route, "first")
}

func TestScopesAreNotSentAgainToAClientThatHasThem(t *testing.T) {
	s := scoped(t)
	again := newScript(t, session.Limits{})
	again.publish(nil, append(edsCluster("a", "1"), simple(rds("first"), "1", cds("a")), simple(srd("first"), "1", rds("first")), simple(lds("l"), "1", srd("first")))...)
	had := s.state.Acked()
	for _, typ := range table.Types() {
		r := &request{TypeUrl: typ.URL(), InitialResourceVersions: map[string]string{}}
		for name, hash := range had[typ] {
			r.InitialResourceVersions[name] = hash
			if !typ.Collective() {
				r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
			}
		}
		again.request(r)
	}
	again.expectNothing()
}
