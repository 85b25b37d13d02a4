package server_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// recorded is a handler that sends the messages of records with their attributes.
type recorded struct {
	messages chan<- string
	fields   string
}

func (r recorded) Enabled(context.Context, slog.Level) bool { return true }
func (r recorded) WithGroup(string) slog.Handler            { return r }

func (r recorded) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		r.fields += " " + a.String()
	}
	return r
}

func (r recorded) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool { r.fields += " " + a.String(); return true })
	r.messages <- record.Message + r.fields
	return nil
}

// A wait that ends by itself is logged as such and counted; one that does not end is logged as another, and not counted.
func TestOverdueNeedsAreLogged(t *testing.T) {
	messages, overdue := make(chan string, 100), make(chan session.Overdue, 100)
	f := start(t, server.Options{
		Log: slog.New(recorded{messages: messages}), Hooks: server.Hooks{Overdue: func(o session.Overdue) { overdue <- o }},
		Limits: session.Limits{NeedWait: time.Millisecond},
	})
	ref := func(t table.Type, name string) table.Ref { return table.Ref{Type: t, Name: name} }
	f.table.Publish([]*table.Resource{
		cluster("a", "body"),
		{Ref: ref(table.Listener, "l"), Body: []byte("new"), Needs: []table.Ref{ref(table.Route, "r")}},
		{Ref: ref(table.Route, "r"), Body: []byte("new"), Needs: []table.Ref{ref(table.Listener, "l")}},
		{Ref: ref(table.Route, "s"), Body: []byte("new"), Needs: []table.Ref{ref(table.Cluster, "a")}},
	}, nil)
	stream := f.stream()
	logged := func(want ...string) {
		t.Helper()
		for {
			select {
			case m := <-messages:
				if !strings.Contains(m, "in time") {
					continue
				}
				for _, w := range want {
					if !strings.Contains(m, w) {
						t.Errorf("the log says %q, want %q", m, w)
					}
				}
				return
			case <-time.After(patience):
				t.Fatalf("the log never says %q", want)
			}
		}
	}
	resume := func(typ table.Type, versions map[string]string, names ...string) {
		send(t, stream, &discoveryv3.DeltaDiscoveryRequest{
			Node: firstRequest("envoy").Node, TypeUrl: typ.URL(), InitialResourceVersions: versions, ResourceNamesSubscribe: names,
		})
	}
	resume(table.Listener, map[string]string{"l": "old"})
	resume(table.Route, map[string]string{"r": "old"}, "r")
	listener := receive(t, stream)
	logged("type=LDS", "resource=l", "wait until")
	send(t, stream, &discoveryv3.DeltaDiscoveryRequest{TypeUrl: table.Listener.URL(), ResponseNonce: listener.GetNonce()})
	routes := receive(t, stream)
	if routes.GetTypeUrl() != table.Route.URL() {
		t.Errorf("%s is sent, want the route table", routes.GetTypeUrl())
	}
	if len(overdue) > 0 {
		t.Errorf("a wait without a timeout counts: %v", <-overdue)
	}
	send(t, stream, firstRequest("envoy"))
	receive(t, stream) // never answered
	send(t, stream, &discoveryv3.DeltaDiscoveryRequest{TypeUrl: table.Route.URL(), ResponseNonce: routes.GetNonce(), ResourceNamesSubscribe: []string{"s"}})
	logged("type=CDS", "resource=a", "sent without it")
	if o := <-overdue; o.Need != ref(table.Cluster, "a") {
		t.Errorf("overdue: %v", o)
	}
}
