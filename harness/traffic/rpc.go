package traffic

import (
	"context"
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"contour.example/harness/backend"
)

// RPCAnswer is the result of a gRPC request.
type RPCAnswer struct {
	// Backend is the Service that answered; empty if none of our backends did.
	Backend string
	// Code and Message are the status, which is a trailer.
	Code    codes.Code
	Message string
}

// RPC calls a backend's gRPC health service (grpc.health.v1.Health/Check), over TLS if the request has it. A backend
// has a status for the name "" only, for which the code is OK; for others it is NotFound. Of the request the host, TLS and the
// timeout apply. The error is for a response that is not gRPC.
func (c Client) RPC(ctx context.Context, r Request, name string) (RPCAnswer, error) {
	address, secure := c.HTTP, insecure.NewCredentials()
	if r.TLS != nil {
		address, secure = c.HTTPS, credentials.NewTLS(r.TLS.config(r.Host))
	}
	conn, err := grpc.NewClient("passthrough:///"+r.Host, grpc.WithTransportCredentials(secure), grpc.WithAuthority(r.Host),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}))
	if err != nil {
		return RPCAnswer{}, fmt.Errorf("gRPC to %s: %w", r.Host, err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(ctx, orElse(r.Timeout, DefaultTimeout))
	defer cancel()
	var header metadata.MD
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: name}, grpc.Header(&header))
	s, ok := status.FromError(err)
	if !ok {
		return RPCAnswer{}, fmt.Errorf("gRPC to %s: %w", r.Host, err)
	}
	return RPCAnswer{Backend: strings.Join(header.Get(backend.RPCService), ""), Code: s.Code(), Message: s.Message()}, nil
}

// String is like "OK from shop".
func (a RPCAnswer) String() string {
	text := a.Code.String()
	if a.Backend != "" {
		text += " from " + a.Backend
	}
	if a.Message != "" {
		text += ": " + a.Message
	}
	return text
}
