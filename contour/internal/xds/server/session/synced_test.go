package session_test

import (
	"testing"

	"contour.example/contour/internal/xds/table"
)

// Of a synced resource only the version is kept; the rest must be restored when the client takes back how it
// subscribed.
func TestSubscribingToAllAgain(t *testing.T) {
	s := running(t)
	if err := s.request(&request{TypeUrl: table.Cluster.URL(), ResourceNamesUnsubscribe: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	s.ack(s.expect(table.Endpoint, "a")) // which Envoy drops with the cluster
	s.publish(nil, simple(cds("a"), "2", eds("a")))
	s.expectNothing()
	s.subscribe(table.Cluster, "*")
	s.ack(s.expect(table.Cluster, "a"))
}

// A name that the client drops is not sent when it changes, and sent when it is asked for again.
func TestSubscribingToANameAgain(t *testing.T) {
	s := running(t)
	if err := s.request(&request{TypeUrl: table.Route.URL(), ResourceNamesUnsubscribe: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	s.publish(nil, simple(rds("r"), "2", cds("a")))
	s.expectNothing()
	s.subscribe(table.Route, "r")
	s.ack(s.expect(table.Route, "r"))
}

// A client that asks for what it has got gets it once more.
func TestAskingForWhatIsSettled(t *testing.T) {
	s := running(t)
	s.subscribe(table.Endpoint, "a")
	s.ack(s.expect(table.Endpoint, "a"))
	s.subscribe(table.Route, "r")
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
}

// The snapshot counts synced resources too.
func TestSnapshotHasWhatIsSettled(t *testing.T) {
	s := running(t)
	acked, snap := s.state.Acked(), s.state.Snapshot()
	for _, ref := range []table.Ref{cds("a"), eds("a"), lds("l"), rds("r")} {
		if got, want := acked[ref.Type][ref.Name], s.table.Get(ref).Hash; got != want {
			t.Errorf("%v: version %q, want %q", ref, got, want)
		}
		if snap.Synced[ref.Type] != 1 {
			t.Errorf("%d resources of %v", snap.Synced[ref.Type], ref.Type)
		}
	}
}
