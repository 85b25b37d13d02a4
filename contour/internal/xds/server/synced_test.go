package server_test

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
)

// An Envoy is in sync with a publication when it has acknowledged all of it, of every type: not before it asks for listeners, and not while
// an acknowledgement is missing. Until then its session says since when it is behind.
func TestSynced(t *testing.T) {
	synced, left := make(chan uint64, 100), make(chan server.Peer, 1)
	f := start(t, server.Options{Hooks: server.Hooks{
		Synced:       func(_ server.Peer, seq uint64) { synced <- seq },
		Disconnected: func(p server.Peer) { left <- p },
	}})
	listener := &table.Resource{Ref: table.Ref{Type: table.Listener, Name: "l"}, Body: []byte("one")}
	f.table.Publish([]*table.Resource{cluster("a", "one"), listener}, nil)
	stream := f.stream()
	acknowledge := func(r *discoveryv3.DeltaDiscoveryResponse) {
		t.Helper()
		send(t, stream, &discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce()})
	}
	behind := func(want bool) {
		t.Helper()
		if s := f.server.Sessions(); len(s) != 1 || s[0].Behind.IsZero() == want || s[0].Version != "1.40.0" {
			t.Errorf("behind: want %v: %+v", want, s)
		}
	}
	none := func(what string) {
		t.Helper()
		if len(synced) > 0 {
			t.Errorf("in sync with %d %s", <-synced, what)
		}
	}
	request := firstRequest("envoy")
	request.Node.UserAgentVersionType = &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40}}}
	send(t, stream, request)
	clusters := receive(t, stream)
	behind(true)
	acknowledge(clusters)
	send(t, stream, &discoveryv3.DeltaDiscoveryRequest{TypeUrl: table.Listener.URL()})
	listeners := receive(t, stream)
	none("before the listener is acknowledged")
	behind(true)
	acknowledge(listeners)
	if seq := <-synced; seq != 1 {
		t.Errorf("in sync with %d", seq)
	}
	behind(false)

	f.table.Publish([]*table.Resource{cluster("a", "two")}, nil)
	clusters = receive(t, stream)
	none("before the cluster is acknowledged")
	behind(true)
	f.table.Publish([]*table.Resource{cluster("a", "three")}, nil)
	acknowledge(clusters)
	clusters = receive(t, stream)
	none("while a later one is not acknowledged")
	acknowledge(clusters)
	if seq := <-synced; seq != 3 {
		t.Errorf("in sync with %d", seq)
	}
	id := f.server.Sessions()[0].ID
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if p := <-left; p.ID != id || p.ID == 0 || p.Node != "envoy" {
		t.Errorf("%+v", p)
	}
}
