package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	clusterservicev3 "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretservicev3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/xds/redact"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
)

// quick are limits with which tests do not wait.
func quick() server.ObserverLimits { return server.ObserverLimits{Interval: time.Millisecond} }

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func validCluster(t *testing.T, name, alt string) *table.Resource {
	return cluster(name, string(marshal(t, &clusterv3.Cluster{Name: name, AltStatName: alt})))
}

func (f *fixture) context() context.Context {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	f.t.Cleanup(cancel)
	return ctx
}

func observer() *corev3.Node { return &corev3.Node{Id: "ContourCLI"} }

func namesOf(r *discoveryv3.DeltaDiscoveryResponse) (names []string) {
	for _, one := range r.GetResources() {
		names = append(names, one.GetName())
	}
	return append(names, r.GetRemovedResources()...)
}

func TestObserverOfTheDeltaVariantReceivesChanges(t *testing.T) {
	f := start(t, server.Options{Observers: quick()})
	f.table.Publish([]*table.Resource{validCluster(t, "a", ""), validCluster(t, "b", "")}, nil)
	stream, err := clusterservicev3.NewClusterDiscoveryServiceClient(f.conn).DeltaClusters(f.context())
	if err != nil {
		t.Fatal(err)
	}
	next := func(want string) {
		t.Helper()
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(namesOf(response)); got != want {
			t.Fatalf("received %v, not %v", got, want)
		}
	}
	send := func(m *discoveryv3.DeltaDiscoveryRequest) {
		t.Helper()
		if err := stream.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	send(&discoveryv3.DeltaDiscoveryRequest{Node: observer()})
	next("[a b]")
	f.table.Publish([]*table.Resource{validCluster(t, "b", "changed"), validCluster(t, "c", "")}, nil)
	next("[b c]")
	f.table.Publish(nil, []table.Ref{{Type: table.Cluster, Name: "a"}})
	next("[a]")
	send(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesSubscribe: []string{"c", "absent"}})
	next("[c absent]")
	// The answer to a subscription shows that the server has read the end of the other one.
	send(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesUnsubscribe: []string{"*"}, ResourceNamesSubscribe: []string{"b"}})
	next("[b]")
	f.table.Publish([]*table.Resource{validCluster(t, "d", ""), validCluster(t, "absent", "")}, nil)
	next("[absent]")
}

// The answers of an observer are no votes, and nothing counts it as an Envoy.
func TestObserverHasNoVote(t *testing.T) {
	events := make(chan string, 100)
	f := start(t, server.Options{Observers: quick(), Hooks: server.Hooks{
		Connected: func(p server.Peer) { events <- "connected " + p.Node },
		Sent:      func(table.Type, int, int, int) { events <- "sent" },
		Acked:     func(table.Type) { events <- "acked" },
		Nacked:    func(table.Type) { events <- "nacked" },
	}})
	f.table.Publish([]*table.Resource{validCluster(t, "a", "")}, nil)
	stream, err := clusterservicev3.NewClusterDiscoveryServiceClient(f.conn).StreamClusters(f.context())
	if err != nil {
		t.Fatal(err)
	}
	request := &discoveryv3.DiscoveryRequest{Node: observer()}
	for i := range 3 {
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if len(response.GetResources()) != 1 {
			t.Fatalf("received %v", response)
		}
		request = &discoveryv3.DiscoveryRequest{VersionInfo: response.GetVersionInfo(), ResponseNonce: response.GetNonce()}
		if i == 0 {
			request.ErrorDetail = &rpcstatus.Status{Code: int32(codes.Internal), Message: "bad"}
		}
		f.table.Publish([]*table.Resource{validCluster(t, "a", fmt.Sprint(i))}, nil)
	}
	v := f.table.Get(table.Ref{Type: table.Cluster, Name: "a"})
	if len(f.table.Rejections())+len(f.table.Votes()) > 0 || v.Accepted() || f.table.Stats().Rejections > 0 {
		t.Errorf("rejections %v, votes %v, accepted %v", f.table.Rejections(), f.table.Votes(), v.Accepted())
	}
	if s := f.server.Sessions(); len(s) > 0 {
		t.Errorf("sessions: %v", s)
	}
	select {
	case e := <-events:
		t.Errorf("an event of an Envoy: %s", e)
	default:
	}
	// One Envoy of one rejects: with the observer as a second voter, it would be no majority.
	envoy := f.stream()
	send(t, envoy, firstRequest("envoy"))
	response := receive(t, envoy)
	send(t, envoy, &discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: table.Cluster.URL(), ResponseNonce: response.GetNonce(),
		ErrorDetail: &rpcstatus.Status{Code: int32(codes.Internal), Message: "not good"},
	})
	eventually(t, "the only Envoy decides", func() bool { r := f.table.Rejections(); return len(r) == 1 && !r[0].Unconfirmed })
}

func TestObserverSeesNoPrivateKey(t *testing.T) {
	const key = "do not show"
	f := start(t, server.Options{Observers: quick()})
	inline := func(text string) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}}
	}
	secret := &tlsv3.Secret{Name: "s", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
		CertificateChain: inline("public"), PrivateKey: inline(key),
	}}}
	f.table.Publish([]*table.Resource{
		{Ref: table.Ref{Type: table.Secret, Name: "s"}, Body: marshal(t, secret)},
		{Ref: table.Ref{Type: table.Secret, Name: "unreadable"}, Body: []byte(key)},
	}, nil)
	stream, err := secretservicev3.NewSecretDiscoveryServiceClient(f.conn).StreamSecrets(f.context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DiscoveryRequest{Node: observer()}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if len(response.GetResources()) != 2 {
		t.Fatalf("received %v", response)
	}
	shown := &tlsv3.Secret{}
	if err := response.GetResources()[0].UnmarshalTo(shown); err != nil {
		t.Fatal(err)
	}
	c := shown.GetTlsCertificate()
	if c.GetPrivateKey().GetInlineString() != redact.Text || c.GetCertificateChain().GetInlineString() != "public" {
		t.Errorf("shown: %v", shown)
	}
	if n := len(response.GetResources()[1].GetValue()); n > 0 {
		t.Errorf("%d bytes that cannot be read are shown", n)
	}
}

// Observers are few, ask for little, and get little at once; an Envoy is none.
func TestObserversAreBounded(t *testing.T) {
	refused := make(chan string, 10)
	limits := server.ObserverLimits{Streams: 1, Names: 2, Bytes: 10, Interval: time.Millisecond}
	f := start(t, server.Options{Observers: limits, Hooks: server.Hooks{Refused: func(reason string) { refused <- reason }}})
	f.table.Publish([]*table.Resource{validCluster(t, "a", "longer than ten bytes")}, nil)
	api := clusterservicev3.NewClusterDiscoveryServiceClient(f.conn)
	for _, c := range []struct {
		what    string
		request *discoveryv3.DiscoveryRequest
		want    codes.Code
	}{
		{"names", &discoveryv3.DiscoveryRequest{Node: observer(), ResourceNames: []string{"a", "b", "c"}}, codes.ResourceExhausted},
		{"response", &discoveryv3.DiscoveryRequest{Node: observer()}, codes.ResourceExhausted},
		{"node", &discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: string(make([]byte, 70_000))}}, codes.Internal},
		{"Envoy", &discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: "e", UserAgentName: "envoy"}}, codes.Unimplemented},
	} {
		eventually(t, c.what, func() bool { // the server ends a stream after the client knows
			stream, err := api.StreamClusters(f.context())
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(c.request); err != nil && !errors.Is(err, io.EOF) { // Recv returns why the server ended the stream
				t.Fatal(err)
			}
			_, err = stream.Recv()
			if status.Code(err) != c.want && len(refused) == 0 {
				t.Fatalf("%s: %v", c.what, err)
			}
			for len(refused) > 0 {
				<-refused
			}
			return status.Code(err) == c.want && !tooMany(err)
		})
	}
	observing := func() (clusterservicev3.ClusterDiscoveryService_DeltaClustersClient, error) {
		stream, err := api.DeltaClusters(f.context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: observer()}); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		return stream, err
	}
	for range 2 { // on loopback, twice as many as the limit
		eventually(t, "an observer is served", func() bool { _, err := observing(); return err == nil })
	}
	if _, err := observing(); !tooMany(err) {
		t.Errorf("one more observer: %v", err)
	}
	for len(refused) > 1 {
		<-refused
	}
	if reason := <-refused; reason != "observers" {
		t.Errorf("refused: %s", reason)
	}
	envoy := f.stream()
	send(t, envoy, firstRequest("envoy"))
	receive(t, envoy)
}

func tooMany(err error) bool { return status.Convert(err).Message() == "there are too many observers" }
