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
	if len(overdue) != 1 || overdue[0].Need != srd("x") || !overdue[0].Sent {
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

// A client that was away has tables x and q in versions that nobody knows. As long as requests may come to q, which may
// lead to anything, the scope that leads to x stays, although nobody wants it; when none may, both leave.
func TestScopesLeaveBeforeUnknownTables(t *testing.T) {
	s := newScript(t, session.Limits{})
	s.publish(nil, append(edsCluster("a", "1"),
		simple(cds("b"), "1", eds("b")), simple(eds("b"), "1"),
		simple(rds("r"), "1", cds("a")), simple(rds("q"), "2", cds("b")), simple(rds("x"), "2", cds("b")),
		simple(srd("x"), "1", rds("x")), simple(lds("l"), "1", srd("x")), simple(lds("m"), "1", rds("q")),
	)...)
	hash := func(ref table.Ref) string { return s.table.Get(ref).Hash }
	for _, r := range []*request{
		{TypeUrl: table.Cluster.URL(), InitialResourceVersions: map[string]string{"a": hash(cds("a"))}},
		{TypeUrl: table.Endpoint.URL(), InitialResourceVersions: map[string]string{"a": hash(eds("a"))}, ResourceNamesSubscribe: []string{"a"}},
		{TypeUrl: table.Listener.URL(), InitialResourceVersions: map[string]string{"l": hash(lds("l")), "m": hash(lds("m"))}},
		{TypeUrl: table.Scope.URL(), InitialResourceVersions: map[string]string{"x": hash(srd("x"))}},
		{TypeUrl: table.Route.URL(), InitialResourceVersions: map[string]string{"q": "old", "x": "old"}, ResourceNamesSubscribe: []string{"q", "x"}},
	} {
		s.request(r)
	}
	s.expect(table.Cluster, "b") // not answered, so that q and x remain what they are
	s.publish([]table.Ref{srd("x"), rds("x")}, simple(lds("l"), "2", rds("r")))
	s.ack(s.expect(table.Listener, "l"))
	s.subscribe(table.Route, "r")
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing() // m leads to q, q may lead to scope x
	s.publish([]table.Ref{lds("m"), rds("q")})
	listeners := s.expect(table.Listener, "-m")
	s.expectNothing()
	s.ack(listeners)
	scopes := s.expect(table.Scope, "-x")
	s.ack(s.expect(table.Route, "-q"))
	s.expectNothing() // the scope leads to x
	s.ack(scopes)
	s.expect(table.Route, "-x")
}

// A scope that goes takes its table with it: when it comes back, the client has no table for it, even before it says so.
func TestAScopeThatComesBackHasNoTable(t *testing.T) {
	s := scoped(t)
	shard := []*table.Resource{simple(srd("x"), "1", rds("x")), simple(rds("x"), "1", cds("a"))}
	s.publish(nil, append(shard, simple(rds("first"), "2", srd("x"), rds("x")))...)
	s.ack(s.expect(table.Scope, "x"))
	s.subscribe(table.Route, "x")
	s.ack(s.expect(table.Route, "x"))
	s.ack(s.expect(table.Route, "first"))
	s.publish([]table.Ref{srd("x"), rds("x")}, simple(rds("first"), "3", cds("a")))
	s.ack(s.expect(table.Route, "first"))
	gone := s.expect(table.Scope, "-x")
	s.publish(nil, append(shard, simple(rds("first"), "4", srd("x"), rds("x")))...)
	s.ack(gone)
	s.ack(s.expect(table.Scope, "x"))
	s.ack(s.expect(table.Route, "x")) // without the table that leads to it
	s.expect(table.Route, "first")
}

// A scope that leads to the table of another scope goes nowhere before the client has that table: it would take the
// requests away from whatever answered them before. A table stays as long as any scope leads to it.
func TestAScopeThatSharesATableWaitsForIt(t *testing.T) {
	s := scoped(t)
	shard := func(name string) []table.Ref { return []table.Ref{srd(name), rds(name)} }
	host := func(to string) *table.Resource { return simple(srd("host"), to, shard(to)...) }
	s.publish(nil, host("first"))
	s.ack(s.expect(table.Scope, "host")) // the client has the table
	s.publish(nil, simple(srd("x"), "1", rds("x")), simple(rds("x"), "1", cds("a")), simple(rds("first"), "2", shard("x")...), host("x"))
	s.ack(s.expect(table.Scope, "x"))
	s.expectNothing()
	s.subscribe(table.Route, "x")
	table1 := s.expect(table.Route, "x")
	s.expectNothing()
	s.ack(table1)
	hosts := s.expect(table.Scope, "host")
	s.ack(s.expect(table.Route, "first"))
	s.expectNothing()

	s.publish(shard("x"), simple(rds("first"), "3", cds("a")), host("first"))
	s.expect(table.Route, "first")
	s.expectNothing()
	s.ack(hosts)
	s.expect(table.Scope, "host")
	s.expectNothing() // neither answer has come, so requests may be led to x
}

// A client that comes back with scopes that are gone loses them: they keep nothing but each other's table.
func TestScopesOfAFormerStreamLeave(t *testing.T) {
	s := scoped(t)
	again := newScript(t, session.Limits{})
	again.publish(nil, append(edsCluster("a", "1"), simple(rds("first"), "1", cds("a")), simple(srd("first"), "1", rds("first")), simple(lds("l"), "1", srd("first")))...)
	had := s.state.Acked()
	had[table.Scope]["host"], had[table.Scope]["x"], had[table.Route]["x"] = "old", "old", "old"
	for _, typ := range table.Types() {
		r := &request{TypeUrl: typ.URL(), InitialResourceVersions: had[typ]}
		for name := range had[typ] {
			if !typ.Collective() {
				r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
			}
		}
		again.request(r)
	}
	scopes := again.expect(table.Scope, "-host", "-x")
	again.expectNothing()
	again.ack(scopes)
	again.ack(again.expect(table.Route, "-x"))
	again.expectNothing()
}

// A client with the listener of a former controller, and scopes, gets a listener with one more scope whose table has policies: the listener does
// not wait for that table, which waits for the listener.
func TestAForeignListenerDoesNotWaitForItsPolicies(t *testing.T) {
	s := newScript(t, session.Limits{})
	s.publish(nil, append(edsCluster("a", "1"),
		simple(rds("x"), "1", cds("a")), simple(srd("x"), "1", rds("x")),
		simple(rds("y"), "1", cds("a"), lds("l")), simple(srd("y"), "1", rds("y")),
		simple(lds("l"), "2", srd("x"), srd("y")),
	)...)
	hash := func(ref table.Ref) string { return s.table.Get(ref).Hash }
	for _, r := range []*request{
		{TypeUrl: table.Cluster.URL(), InitialResourceVersions: map[string]string{"a": hash(cds("a"))}},
		{TypeUrl: table.Endpoint.URL(), InitialResourceVersions: map[string]string{"a": hash(eds("a"))}, ResourceNamesSubscribe: []string{"a"}},
		{TypeUrl: table.Listener.URL(), InitialResourceVersions: map[string]string{"l": "old"}},
		{TypeUrl: table.Scope.URL(), InitialResourceVersions: map[string]string{"x": hash(srd("x"))}},
		{TypeUrl: table.Route.URL(), InitialResourceVersions: map[string]string{"x": hash(rds("x"))}, ResourceNamesSubscribe: []string{"x"}},
	} {
		s.request(r)
	}
	s.ack(s.expect(table.Scope, "y"))
	s.subscribe(table.Route, "y")
	s.ack(s.expect(table.Listener, "l"))
	s.ack(s.expect(table.Route, "y"))
	s.expectNothing()
}
