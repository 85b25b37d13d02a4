package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"contour.example/contour/internal/xds/server"
	"contour.example/envoybootstrap"
)

// The bounds of the xDS server.
const (
	// maxRequestBytes bounds a request: the first one of a reconnecting Envoy contains the name and version of each
	// of its resources of a type, about 100 bytes each.
	maxRequestBytes = 32 << 20
	// peerSilence is the time without data from an Envoy after which the server sends a keepalive ping; the Envoy must
	// answer within peerTimeout.
	peerSilence = 30 * time.Second
	peerTimeout = 20 * time.Second
	// stopTimeout bounds how long a connection may delay the stop.
	stopTimeout = 5 * time.Second
)

// serveXDS serves Envoys on the listener, which it closes, until the context ends; then it ends their
// streams, so that they connect to another replica.
func serveXDS(ctx context.Context, l net.Listener, s *server.Server, g *grpc.Server) error {
	s.Register(g)
	failed := make(chan error, 1)
	go func() { failed <- g.Serve(s.Limit(l)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("xDS server: %w", err)
	case <-ctx.Done():
	}
	s.Stop()
	stopGRPC(g)
	if err := <-failed; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("xDS server: %w", err)
	}
	return ctx.Err()
}

// newGRPC returns a server whose connections end at that age, which gRPC varies by a tenth; 0 is never. A nil config is
// plain text.
func newGRPC(config *tls.Config, age time.Duration, more ...grpc.ServerOption) *grpc.Server {
	options := append(
		server.GRPCOptions(),
		grpc.MaxRecvMsgSize(maxRequestBytes),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: peerSilence, Timeout: peerTimeout, MaxConnectionAge: age, MaxConnectionAgeGrace: min(stopTimeout, age),
		}),
		// Envoy pings at envoybootstrap.PingInterval, with a stream or without.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: envoybootstrap.PingInterval / 2, PermitWithoutStream: true}),
	)
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	return grpc.NewServer(append(options, more...)...)
}

// stopGRPC waits until the streams end, and closes those that have not ended in time.
func stopGRPC(g *grpc.Server) {
	cut := time.AfterFunc(stopTimeout, g.Stop)
	defer cut.Stop()
	g.GracefulStop()
}
