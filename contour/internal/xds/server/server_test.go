package server_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// patience bounds every wait of these tests; reaching it is a failure.
const patience = 20 * time.Second

type rpcClient = discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient

// fixture is a server on loopback with one table, that of the default fleet.
type fixture struct {
	t      *testing.T
	table  *table.Table
	server *server.Server
	grpc   *grpc.Server
	conn   *grpc.ClientConn
	api    discoveryv3.AggregatedDiscoveryServiceClient
}

func start(t *testing.T, options server.Options) *fixture {
	t.Helper()
	f := &fixture{t: t, table: table.New(), grpc: grpc.NewServer(server.GRPCOptions()...)}
	options.Fleet = func(of ir.Fleet) *table.Table {
		if of != ir.DefaultFleet {
			return nil
		}
		return f.table
	}
	f.server = server.New(options)
	f.server.Register(f.grpc)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = f.grpc.Serve(listener) }()
	t.Cleanup(f.grpc.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	f.conn = conn
	f.api = discoveryv3.NewAggregatedDiscoveryServiceClient(conn)
	return f
}

func (f *fixture) stream() rpcClient {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	f.t.Cleanup(cancel)
	stream, err := f.api.DeltaAggregatedResources(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	return stream
}

func send(t *testing.T, stream rpcClient, request *discoveryv3.DeltaDiscoveryRequest) {
	t.Helper()
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, stream rpcClient) *discoveryv3.DeltaDiscoveryResponse {
	t.Helper()
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func firstRequest(node string) *discoveryv3.DeltaDiscoveryRequest {
	return &discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: node}, TypeUrl: table.Cluster.URL()}
}

func cluster(name, body string) *table.Resource {
	return &table.Resource{Ref: table.Ref{Type: table.Cluster, Name: name}, Body: []byte(body)}
}

// eventually polls what a goroutine of the server changes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

func TestPublishAckAndReject(t *testing.T) {
	acked, nacked := make(chan table.Type, 10), make(chan table.Type, 10)
	f := start(t, server.Options{Hooks: server.Hooks{
		Acked:  func(t table.Type) { acked <- t },
		Nacked: func(t table.Type) { nacked <- t },
	}})
	f.table.Publish([]*table.Resource{cluster("a", "one")}, nil)
	stream := f.stream()
	send(t, stream, firstRequest("envoy"))
	response := receive(t, stream)
	if len(response.GetResources()) != 1 || string(response.GetResources()[0].GetResource().GetValue()) != "one" {
		t.Fatalf("received %v", response)
	}
	send(t, stream, &discoveryv3.DeltaDiscoveryRequest{TypeUrl: table.Cluster.URL(), ResponseNonce: response.GetNonce()})
	<-acked
	f.table.Publish([]*table.Resource{cluster("a", "two")}, nil)
	response = receive(t, stream)
	send(t, stream, &discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: table.Cluster.URL(), ResponseNonce: response.GetNonce(),
		ErrorDetail: &rpcstatus.Status{Code: int32(codes.Internal), Message: "not good"},
	})
	<-nacked
	if got := f.table.Rejections(); len(got) != 1 || got[0].ErrorDetail != "not good" {
		t.Errorf("rejections: %v", got)
	}
	if got := f.table.Get(table.Ref{Type: table.Cluster, Name: "a"}); string(got.Body()) != "one" {
		t.Errorf("effective: %q", got.Body())
	}
	eventually(t, "the session is quiet", func() bool {
		s := f.server.Sessions()
		return len(s) == 1 && s[0].Idle() && s[0].Node == "envoy" && s[0].Seq == f.table.Seq()
	})
}

func TestEmptyTableAnswersTheFirstRequest(t *testing.T) {
	f := start(t, server.Options{})
	stream := f.stream()
	send(t, stream, firstRequest("envoy"))
	if response := receive(t, stream); len(response.GetResources()) != 0 || response.GetTypeUrl() != table.Cluster.URL() {
		t.Errorf("received %v", response)
	}
}

func TestRefusals(t *testing.T) {
	f := start(t, server.Options{NodeBytes: 100, Limits: session.Limits{Names: 2}})
	big := firstRequest("envoy")
	big.Node.Cluster = string(make([]byte, 200))
	another := firstRequest("envoy")
	another.Node.Metadata = &structpb.Struct{Fields: map[string]*structpb.Value{"fleet": structpb.NewStringValue("another")}}
	names := firstRequest("envoy")
	names.ResourceNamesSubscribe = []string{"a", "b", "c"}
	for name, c := range map[string]struct {
		request *discoveryv3.DeltaDiscoveryRequest
		want    codes.Code
	}{
		"another fleet": {another, codes.PermissionDenied},
		"big node":      {big, codes.ResourceExhausted},
		"many names":    {names, codes.ResourceExhausted},
		"unknown type":  {&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "envoy"}, TypeUrl: "x"}, codes.InvalidArgument},
	} {
		stream := f.stream()
		send(t, stream, c.request)
		if _, err := stream.Recv(); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	eventually(t, "rejected sessions have ended", func() bool { return len(f.server.Sessions()) == 0 })
}

func TestStateOfTheWorldIsUnimplemented(t *testing.T) {
	f := start(t, server.Options{})
	stream, err := f.api.StreamAggregatedResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = stream.Recv(); status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
}

func TestStopEndsStreamsGracefully(t *testing.T) {
	f := start(t, server.Options{})
	stream := f.stream()
	send(t, stream, firstRequest("envoy"))
	receive(t, stream)
	f.server.Stop()
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	stopped := make(chan struct{})
	go func() { f.grpc.GracefulStop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Error("the gRPC server does not stop gracefully")
	}
}

// TestClientThatStopsReading has one client that never reads while everything changes many
// times. It must cost a bounded number of responses and resources, and nobody else any time.
func TestClientThatStopsReading(t *testing.T) {
	const resources, rounds = 200, 300
	sent := make(chan int, 10*rounds)
	f := start(t, server.Options{Hooks: server.Hooks{Sent: func(_ table.Type, n, _, _ int) { sent <- n }}})
	publish := func(round int) {
		var set []*table.Resource
		for i := range resources {
			set = append(set, cluster(fmt.Sprint("c", i), fmt.Sprintf("%d %0500d", round, i)))
		}
		f.table.Publish(set, nil)
	}
	publish(0)
	stuck := f.stream()
	send(t, stuck, firstRequest("envoy"))
	<-sent
	for round := range rounds {
		publish(round + 1)
	}
	eventually(t, "the session has heard of everything", func() bool {
		s := f.server.Sessions()
		return len(s) == 1 && s[0].Seq == f.table.Seq()
	})
	if s := f.server.Sessions()[0]; s.Pending > resources || s.Waiting > 8 {
		t.Errorf("%d resources and %d responses are queued", s.Pending, s.Waiting)
	}
	reader := f.stream()
	send(t, reader, firstRequest("envoy"))
	if n := len(receive(t, reader).GetResources()); n != resources {
		t.Errorf("the other client received %d resources at once, want %d", n, resources)
	}
	if len(sent) > 20 {
		t.Errorf("%d responses for a client that does not read", len(sent))
	}
	f.grpc.Stop()
	eventually(t, "sessions end", func() bool { return len(f.server.Sessions()) == 0 })
}

// A stream that says nothing ends.
func TestAStreamWithoutARequestEnds(t *testing.T) {
	f := start(t, server.Options{FirstWait: time.Millisecond})
	if _, err := f.stream().Recv(); status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
}

// What an Envoy has is read in steps: a slow reader delays neither the stream nor others who ask.
func TestWhatAnEnvoyHasIsReadInSteps(t *testing.T) {
	const resources = 2_000
	f := start(t, server.Options{Limits: session.Limits{UnacceptedResources: resources}})
	var set []*table.Resource
	for i := range resources {
		set = append(set, cluster(fmt.Sprint("c", i), "one"))
	}
	f.table.Publish(set, nil)
	stream := f.stream()
	send(t, stream, firstRequest("envoy"))
	response := receive(t, stream)
	send(t, stream, &discoveryv3.DeltaDiscoveryRequest{TypeUrl: table.Cluster.URL(), ResponseNonce: response.GetNonce()})
	eventually(t, "everything is acknowledged", func() bool {
		s := f.server.Sessions()
		return len(s) == 1 && s[0].Idle() && s[0].Synced[table.Cluster] == resources
	})
	acked, ok := f.server.Acked("envoy")
	if !ok {
		t.Fatal("the Envoy is not connected")
	}
	seen := 0
	for ref, version := range acked {
		seen++
		if version != f.table.Get(ref).Hash || len(f.server.Sessions()) != 1 { // which waits forever if the stream is locked
			t.Fatalf("version %s of %s", version, ref)
		}
	}
	if seen != resources {
		t.Errorf("%d resources", seen)
	}
}
