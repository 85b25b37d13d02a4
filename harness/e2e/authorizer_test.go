//go:build local

package e2e

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// authorizer is an authorization service: it allows requests with the header X-Token: yes, and answers others with 401.
type authorizer struct {
	address netip.AddrPort
	serve   func(*authorizer, net.Listener) (stop func())
	stop    func()

	mu     sync.Mutex
	delay  time.Duration
	faulty bool // answers with an error of its own
	asked  int
}

// newAuthorizer starts a service.
func (f *fixture) newAuthorizer(serve func(*authorizer, net.Listener) (stop func())) *authorizer {
	f.t.Helper()
	ip, err := f.s.Addresses.IP()
	if err != nil {
		f.t.Fatal(err)
	}
	a := &authorizer{address: netip.AddrPortFrom(ip, 0), serve: serve}
	a.start(f.t)
	f.t.Cleanup(func() { a.stop() })
	return a
}

// start starts the service, again at its former address.
func (a *authorizer) start(t *testing.T) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", a.address.String())
	if err != nil {
		t.Fatal(err)
	}
	a.address = netip.MustParseAddrPort(l.Addr().String())
	a.stop = a.serve(a, l)
}

func (a *authorizer) set(delay time.Duration, faulty bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.delay, a.faulty = delay, faulty
}

func (a *authorizer) questions() int { a.mu.Lock(); defer a.mu.Unlock(); return a.asked }

// answer counts a question and waits, also when nobody waits any longer; ok is false if it is to be answered with an error.
func (a *authorizer) answer() (ok bool) {
	a.mu.Lock()
	a.asked++
	delay, faulty := a.delay, a.faulty
	a.mu.Unlock()
	time.Sleep(delay)
	return !faulty
}

// httpServer serves the service by HTTP.
func httpServer(a *authorizer, l net.Listener) (stop func()) {
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch ok := a.answer(); {
		case !ok:
			w.WriteHeader(http.StatusInternalServerError)
		case r.Header.Get("X-Token") != "yes":
			w.WriteHeader(http.StatusUnauthorized)
		}
	})}
	go func() { _ = server.Serve(l) }()
	return func() { _ = server.Close() }
}

// grpcServer serves the service by gRPC.
func grpcServer(a *authorizer, l net.Listener) (stop func()) {
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, authorizationServer{a: a})
	go func() {
		if err := server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			panic(err)
		}
	}()
	return server.Stop
}

type authorizationServer struct {
	authv3.UnimplementedAuthorizationServer
	a *authorizer
}

func (s authorizationServer) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	switch ok := s.a.answer(); {
	case !ok:
		return nil, grpcstatus.Error(codes.Internal, "faulty")
	case r.GetAttributes().GetRequest().GetHttp().GetHeaders()["x-token"] != "yes":
		return &authv3.CheckResponse{
			Status: &status.Status{Code: int32(codes.PermissionDenied)},
			HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
				Status: &typev3.HttpStatus{Code: typev3.StatusCode_Unauthorized},
			}},
		}, nil
	}
	return &authv3.CheckResponse{Status: &status.Status{}}, nil
}

// extension applies an ExtensionService of that name and its Service, with the authorizer as endpoint.
func (f *fixture) extension(name, protocol string, a *authorizer) {
	f.t.Helper()
	f.extensionAt(name, protocol, a.address)
}

// extensionAt is extension for what serves at the address.
func (f *fixture) extensionAt(name, protocol string, address netip.AddrPort) {
	f.t.Helper()
	f.apply(`
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {ports: [{port: 80, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{port: %[4]d, protocol: TCP}]
endpoints: [{addresses: [%[3]q], conditions: {ready: true}}]
---
apiVersion: projectcontour.io/v1alpha1
kind: ExtensionService
metadata: {name: %[1]s}
spec: {protocol: %[2]s, services: [{name: %[1]s, port: 80}]}
`, name, protocol, address.Addr().String(), address.Port())
}
