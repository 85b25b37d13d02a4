//go:build envoy

package pipeline_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"contour.example/contour/internal/semantic"
)

// authzServer is an authorization server: it allows requests with the token, and says to the backend with which context it was
// asked. It records who asked.
type authzServer struct {
	port  int
	delay atomic.Int64 // nanoseconds before it answers

	mu    sync.Mutex
	asked []string // host and path
	body  string   // of the last question
	seen  http.Header
	proto string // of the last question over HTTP
	peer  string // the connection of the last question over HTTP
}

func (s *authzServer) record(question, body string, header http.Header) {
	s.mu.Lock()
	s.asked, s.body, s.seen = append(s.asked, question), body, header
	s.mu.Unlock()
	time.Sleep(time.Duration(s.delay.Load()))
}

// questions returns the questions since the last call.
func (s *authzServer) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.asked = nil }()
	return s.asked
}

// grpcAuthz serves envoy.service.auth.v3.Authorization.
type grpcAuthz struct {
	authv3.UnimplementedAuthorizationServer
	*authzServer
}

func (s grpcAuthz) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	request := r.GetAttributes().GetRequest().GetHttp()
	s.record(request.GetHost()+request.GetPath(), request.GetBody(), nil)
	if request.GetHeaders()[semantic.TokenHeader] != "yes" {
		return &authv3.CheckResponse{
			Status: &status.Status{Code: int32(codes.PermissionDenied)},
			HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
				Status: &typev3.HttpStatus{Code: typev3.StatusCode_Unauthorized}, Body: "no token",
			}},
		}, nil
	}
	ok := &authv3.OkHttpResponse{}
	for name, value := range map[string]string{semantic.UserHeader: semantic.User(r.GetAttributes().GetContextExtensions()), "host": "forged.example.com", "te": "trailers"} {
		ok.Headers = append(ok.Headers, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: name, Value: value}, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return &authv3.CheckResponse{Status: &status.Status{}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}, nil
}

// ServeHTTP is the same server over HTTP.
func (s *authzServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.proto, s.peer = r.Proto, r.RemoteAddr
	s.mu.Unlock()
	s.record(r.Host+r.URL.Path, "", r.Header)
	w.Header().Set(semantic.UserHeader, "http")
	w.Header().Set("x-not-allowed", "http")
	if r.Header.Get(semantic.TokenHeader) != "yes" {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func startAuthz(t *testing.T, serve func(*authzServer, net.Listener)) *authzServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &authzServer{port: l.Addr().(*net.TCPAddr).Port}
	go serve(s, l)
	return s
}

func startGRPCAuthz(t *testing.T) *authzServer {
	t.Helper()
	g := grpc.NewServer()
	t.Cleanup(g.Stop)
	return startAuthz(t, func(s *authzServer, l net.Listener) {
		authv3.RegisterAuthorizationServer(g, grpcAuthz{authzServer: s})
		_ = g.Serve(l)
	})
}

func startHTTPAuthz(t *testing.T) *authzServer {
	t.Helper()
	h := &http.Server{Protocols: new(http.Protocols)}
	h.Protocols.SetHTTP1(true)
	h.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(func() { _ = h.Close() })
	return startAuthz(t, func(s *authzServer, l net.Listener) {
		h.Handler = s
		_ = h.Serve(l)
	})
}
