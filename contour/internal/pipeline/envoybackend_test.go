//go:build envoy

package pipeline_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	"google.golang.org/grpc"

	"contour.example/contour/internal/semantic"
)

const (
	receivedHeader = "X-Received" // of responses: what the backend received, as JSON
	wantHeader     = "X-Want"     // of requests: a header that the response must have
)

// received is what a backend received.
type received struct {
	Service  string
	Protocol string // as package semantic names it
	SNI      string
	Shows    bool // Envoy showed a certificate
	Host     string
	Path     string
	Header   http.Header
}

// backends are HTTP servers, one for each set of endpoints. They accept HTTP/1.1 and HTTP/2, with and without TLS.
type backends struct {
	certificate tls.Certificate
	ports       map[string]int
}

func newBackends(t *testing.T) *backends {
	t.Helper()
	pem, err := os.ReadFile("testdata/backend.pem")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		t.Fatal(err)
	}
	return &backends{certificate: certificate, ports: map[string]int{}}
}

// port returns the port of the backend with that name. The first call starts it, until the test that created the backends
// ends.
func (b *backends) port(t *testing.T, name string) int {
	t.Helper()
	if p, ok := b.ports[name]; ok {
		return p
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	either := &eitherListener{Listener: l, ready: make(chan net.Conn), closed: make(chan struct{}), config: &tls.Config{
		Certificates: []tls.Certificate{b.certificate}, NextProtos: []string{"h2", "http/1.1"}, ClientAuth: tls.RequestClientCert,
	}}
	go either.accept()
	s := &http.Server{Handler: handlerOf(name), TLSConfig: either.config, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = s.Serve(either) }()
	b.ports[name] = l.Addr().(*net.TCPAddr).Port
	return b.ports[name]
}

// handlerOf returns the handler of a backend: authorization servers are those of Services called grpc-authz and http-authz,
// rate limit servers those called limits, and servers that redirect those called redirects.
func handlerOf(name string) http.Handler {
	switch _, service, _ := strings.Cut(name, "/"); {
	case strings.HasPrefix(service, "grpc-authz"):
		g := grpc.NewServer()
		authv3.RegisterAuthorizationServer(g, grpcAuthz{authzServer: &authzServer{}})
		return g
	case strings.HasPrefix(service, "limits"):
		g := grpc.NewServer()
		ratelimitv3.RegisterRateLimitServiceServer(g, &limitServer{})
		return g
	case strings.HasPrefix(service, "http-authz"):
		return &authzServer{}
	case strings.HasPrefix(service, "redirects"):
		return redirectHandler(name)
	}
	return echo(name)
}

// echo returns a handler that responds with what it received.
func echo(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(300 * time.Millisecond)
		}
		got := received{Service: name, Protocol: protocolOf(r), Host: r.Host, Path: r.RequestURI, Header: r.Header}
		if r.TLS != nil {
			got.SNI, got.Shows = r.TLS.ServerName, len(r.TLS.PeerCertificates) > 0
		}
		text, _ := json.Marshal(got)
		w.Header().Set(receivedHeader, string(text))
		for _, h := range r.Header.Values(wantHeader) {
			w.Header().Set(h, "from the backend")
		}
		for _, cookie := range r.Header.Values(semantic.SetCookieHeader) {
			w.Header().Add("Set-Cookie", cookie)
		}
		if r.Header.Get("Upgrade") != "" {
			upgrade(w)
			return
		}
		_, _ = io.WriteString(w, "ok")
	})
}

func protocolOf(r *http.Request) string {
	switch {
	case r.ProtoMajor == 2 && r.TLS != nil:
		return "h2"
	case r.ProtoMajor == 2:
		return "h2c"
	case r.TLS != nil:
		return "tls"
	}
	return "http1"
}

// upgrade responds with the headers of w to a request for an upgrade to WebSocket.
func upgrade(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
	_ = w.Header().Write(conn)
	_, _ = io.WriteString(conn, "\r\n")
}

// eitherListener accepts connections with and without TLS; those with TLS begin with the byte of a handshake record.
type eitherListener struct {
	net.Listener
	config *tls.Config
	ready  chan net.Conn
	closed chan struct{}
}

func (l *eitherListener) accept() {
	defer close(l.closed)
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return
		}
		go l.sniff(conn)
	}
}

func (l *eitherListener) sniff(conn net.Conn) {
	r := bufio.NewReader(conn)
	first, err := r.Peek(1)
	if err != nil {
		conn.Close()
		return
	}
	var out net.Conn = &peeked{Conn: conn, r: r}
	if first[0] == 0x16 {
		out = tls.Server(out, l.config)
	}
	select {
	case l.ready <- out:
	case <-l.closed:
		conn.Close()
	}
}

func (l *eitherListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// peeked is a connection whose first bytes have been read.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }
