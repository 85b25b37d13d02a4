package backend

import (
	"context"
	"net/http"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// RPCService is the metadata key of an answer that names the Service.
const RPCService = "x-echo-service"

// rpc serves grpc.health.v1, which every implementation of gRPC has, and what a proxy asks (envoy.service.auth.v3 and
// envoy.service.ratelimit.v3). It names its Service in the answer.
func rpc(service string) http.Handler {
	name := func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if err := grpc.SetHeader(ctx, metadata.Pairs(RPCService, service)); err != nil {
			return nil, err
		}
		return next(ctx, request)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(name))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	authv3.RegisterAuthorizationServer(server, authorizer{})
	ratelimitv3.RegisterRateLimitServiceServer(server, limiter{})
	return server
}

// isRPC reports whether a request is for a gRPC server.
func isRPC(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}
