package session_test

import (
	"testing"

	"contour.example/contour/internal/xds/table"
)

// answering acknowledges a response in a request that changes subscriptions as well.
func (s *script) answering(r *response, subscribe, unsubscribe []string) {
	s.t.Helper()
	req := &request{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce(), ResourceNamesSubscribe: subscribe, ResourceNamesUnsubscribe: unsubscribe}
	if err := s.request(req); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) unsubscribe(t table.Type, names ...string) {
	s.t.Helper()
	if err := s.request(&request{TypeUrl: t.URL(), ResourceNamesUnsubscribe: names}); err != nil {
		s.t.Fatal(err)
	}
}

// leaving has cluster a updated and removed while new endpoints of it are on the wire: the client may still use them.
func leaving(t *testing.T) (s *script, endpoints *response) {
	s = running(t)
	s.publish(nil, simple(eds("a"), "2"))
	return s, s.expect(table.Endpoint, "a")
}

// removeCluster has the route and cluster a removed; the client does not answer that yet.
func (s *script) removeCluster() (removal *response) {
	s.t.Helper()
	s.publish([]table.Ref{cds("a"), eds("a")}, simple(rds("r"), "2"))
	s.ack(s.expect(table.Route, "r"))
	return s.expect(table.Cluster, "-a")
}

func TestEndpointsOnTheWireMayBeHadHoweverOftenTheyWereSubscribed(t *testing.T) {
	s, endpoints := leaving(t)
	for range 2 { // the first one came back before the response arrived, or after it, or never
		s.unsubscribe(table.Endpoint, "a")
		s.subscribe(table.Endpoint, "a")
	}
	removal := s.removeCluster()
	s.ack(endpoints)
	s.expectNothing() // not removed: the client may still use the cluster
	s.ack(removal)
	s.expect(table.Endpoint, "-a")
}

func TestNamesThatComeWithAnAnswerWereWantedBefore(t *testing.T) {
	s, endpoints := leaving(t)
	s.unsubscribe(table.Endpoint, "a")
	removal := s.removeCluster()
	s.answering(endpoints, []string{"a"}, nil)
	s.expectNothing()
	s.ack(removal)
	s.expect(table.Endpoint, "-a")
}

func TestNamesThatAreGivenUpWithAnAnswerAreForgotten(t *testing.T) {
	s, endpoints := leaving(t)
	s.removeCluster()
	s.answering(endpoints, nil, []string{"a"})
	s.expectNothing()
	s.subscribe(table.Endpoint, "a")
	s.expect(table.Endpoint, "-a") // there are none
}

// A client that asks for what it is subscribed to has given it up meanwhile.
func TestATableSubscribedAnewIsNotHad(t *testing.T) {
	s := scoped(t)
	s.publish(nil, simple(srd("x"), "1", rds("x")), simple(rds("x"), "1", cds("a")), simple(rds("first"), "2", srd("x"), rds("x")), simple(lds("l"), "2", srd("first"), rds("x")))
	s.ack(s.expect(table.Listener, "l"))
	s.ack(s.expect(table.Scope, "x"))
	s.subscribe(table.Route, "x")
	x := s.expect(table.Route, "x")
	s.subscribe(table.Route, "x")
	s.ack(x)
	x = s.expect(table.Route, "x") // without the table that leads to it
	s.expectNothing()
	s.ack(x)
	s.expect(table.Route, "first")
}
