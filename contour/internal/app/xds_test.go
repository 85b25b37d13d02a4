package app

import (
	"context"
	"net"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
)

// A connection ends at its age, so that Envoy connects again, to whatever replica; it may connect to the same.
func TestConnectionsEndAtTheirAge(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	fleet := table.New()
	s := server.New(server.Options{Fleet: func(ir.Fleet) *table.Table { return fleet }})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = serveXDS(ctx, l, s, newGRPC(nil, 50*time.Millisecond))
	}()
	t.Cleanup(func() { stop(); <-ended })
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for range 2 {
		stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(t.Context(), grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "envoy"}, TypeUrl: table.Cluster.URL()}); err != nil {
			t.Fatal(err)
		}
		for answers := 0; ; answers++ {
			if _, err := stream.Recv(); err != nil {
				if answers != 1 {
					t.Errorf("%d responses before the stream ended: %v", answers, err)
				}
				break
			}
		}
	}
}
