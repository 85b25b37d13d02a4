package traffic_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"contour.example/harness/backend"
	"contour.example/harness/pki"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

// start runs a backend and returns a client that uses it instead of a proxy.
func start(t *testing.T, serve func(backend.Options) (*backend.Server, error), config *tls.Config) (*backend.Server, traffic.Client) {
	t.Helper()
	s, err := serve(backend.Options{
		Service: "shop", Instance: "shop-1", TLS: config,
		Listen: netip.MustParseAddrPort("127.0.0.1:0"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, traffic.Client{HTTP: s.Address().String(), HTTPS: s.Address().String()}
}

func serverTLS(t *testing.T, names ...string) (*pki.CA, *tls.Config) {
	t.Helper()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server(names...)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return ca, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequestClientCert,
	}
}

func TestEchoDescribesTheRequest(t *testing.T) {
	t.Parallel()
	s, c := start(t, backend.HTTP, nil)
	a, err := c.Do(t.Context(), traffic.Request{
		Method: "PUT", Host: "a.example:81", Path: "/x%2Fy?q=1", Body: "12345",
		Headers: http.Header{"X-Test": {"1", "2"}, backend.SetHeader: {"x-reply: yes"}, backend.StatusHeader: {"418"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != 418 || a.Headers.Get("X-Reply") != "yes" || a.Proto != "HTTP/1.1" {
		t.Errorf("got %s, %s, headers %v", a, a.Proto, a.Headers)
	}
	if diff := cmp.Diff([]string{"1", "2"}, a.Echo.Headers["X-Test"]); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	got := *a.Echo
	got.Headers = nil
	want := backend.Echo{
		Service: "shop", Instance: "shop-1", Method: "PUT", Host: "a.example:81",
		Path: "/x%2Fy?q=1", Proto: "HTTP/1.1", BodyBytes: 5, OfConnection: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("echo (-want +got):\n%s", diff)
	}
	if s.Requests() != 1 {
		t.Errorf("%d requests, want 1", s.Requests())
	}
}

func TestProtocols(t *testing.T) {
	t.Parallel()
	ca, config := serverTLS(t, "a.example", "b.example")
	client, err := ca.Issue(pki.Request{CommonName: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := client.TLS()
	if err != nil {
		t.Fatal(err)
	}
	_, cleartext := start(t, backend.HTTP, nil)
	_, secure := start(t, backend.HTTP, config)
	for _, test := range []struct {
		name    string
		client  traffic.Client
		request traffic.Request
		proto   string
		tls     *backend.EchoTLS
	}{
		{"HTTP/1.1", cleartext, traffic.Request{}, "HTTP/1.1", nil},
		{"h2c", cleartext, traffic.Request{HTTP2: true}, "HTTP/2.0", nil},
		{
			"HTTPS", secure,
			traffic.Request{TLS: &traffic.TLS{Roots: ca.Pool()}},
			"HTTP/1.1", &backend.EchoTLS{ServerName: "a.example", ALPN: "http/1.1"},
		},
		{
			"h2 with another SNI and a client certificate", secure,
			traffic.Request{HTTP2: true, TLS: &traffic.TLS{ServerName: "b.example", Certificates: []tls.Certificate{cert}}},
			"HTTP/2.0", &backend.EchoTLS{ServerName: "b.example", ALPN: "h2", ClientName: "tester"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.request.Host = "a.example"
			a, err := test.client.Do(t.Context(), test.request)
			if err != nil {
				t.Fatal(err)
			}
			if a.Proto != test.proto || a.Echo.Proto != test.proto {
				t.Errorf("client saw %s, backend %s, want %s", a.Proto, a.Echo.Proto, test.proto)
			}
			if diff := cmp.Diff(test.tls, a.Echo.TLS); diff != "" {
				t.Errorf("TLS (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRPC(t *testing.T) {
	t.Parallel()
	ca, config := serverTLS(t, "a.example")
	_, cleartext := start(t, backend.HTTP, nil)
	_, secure := start(t, backend.HTTP, config)
	for name, request := range map[string]func(string) (traffic.RPCAnswer, error){
		"cleartext": func(name string) (traffic.RPCAnswer, error) {
			return cleartext.RPC(t.Context(), traffic.Request{Host: "a.example"}, name)
		},
		"TLS": func(name string) (traffic.RPCAnswer, error) {
			return secure.RPC(t.Context(), traffic.Request{Host: "a.example", TLS: &traffic.TLS{Roots: ca.Pool()}}, name)
		},
	} {
		for service, want := range map[string]string{"": "OK from shop", "none": "NotFound from shop: unknown service"} {
			if a, err := request(service); err != nil || a.String() != want {
				t.Errorf("%s: got %s, %v, want %s", name, a, err, want)
			}
		}
	}
	other, err := pki.New("other")
	if err != nil {
		t.Fatal(err)
	}
	a, err := secure.RPC(t.Context(), traffic.Request{Host: "a.example", TLS: &traffic.TLS{Roots: other.Pool()}}, "")
	if err != nil || a.Code != codes.Unavailable {
		t.Errorf("without trust: %s, %v", a, err)
	}
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	_, config := serverTLS(t, "a.example")
	other, _ := serverTLS(t, "a.example")
	_, c := start(t, backend.HTTP, config)
	_, err := c.Do(t.Context(), traffic.Request{Host: "a.example", TLS: &traffic.TLS{Roots: other.Pool()}})
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v, want an error about the CA", err)
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	_, c := start(t, backend.HTTP, nil)
	got, err := c.WebSocket(t.Context(), traffic.Request{Host: "a.example", Path: "/chat"}, "hello")
	if got != "hello" || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, "hello")
	}
}

func TestTCP(t *testing.T) {
	t.Parallel()
	ca, config := serverTLS(t, "a.example")
	_, cleartext := start(t, backend.TCP, nil)
	_, secure := start(t, backend.TCP, config)
	for name, test := range map[string]struct {
		client  traffic.Client
		request traffic.Request
	}{
		"cleartext": {cleartext, traffic.Request{}},
		"TLS":       {secure, traffic.Request{Host: "a.example", TLS: &traffic.TLS{Roots: ca.Pool()}}},
	} {
		service, reply, err := test.client.TCP(t.Context(), test.request, "hello")
		if err != nil || service != "shop" || reply != "hello" {
			t.Errorf("%s: got %q, %q, %v, want shop and hello", name, service, reply, err)
		}
	}
}

func TestSlowBackendAndTimeout(t *testing.T) {
	t.Parallel()
	_, c := start(t, backend.HTTP, nil)
	slow := traffic.Request{Host: "a", Headers: http.Header{backend.DelayHeader: {"30ms"}}}
	a, err := c.Do(t.Context(), slow)
	if err != nil {
		t.Fatal(err)
	}
	if a.Took < 30*time.Millisecond {
		t.Errorf("took %s, want 30 ms or more", a.Took)
	}
	slow.Headers.Set(backend.DelayHeader, "30s")
	slow.Timeout = 20 * time.Millisecond
	if _, err := c.Do(t.Context(), slow); err == nil {
		t.Error("no timeout")
	}
}

func TestUntilReportsWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, c := start(t, backend.HTTP, nil)
	_, err := c.Until(t.Context(), 50*time.Millisecond, traffic.Request{Host: "a"}, func(a traffic.Answer) string {
		return "backend is " + a.Backend()
	})
	if err == nil || !strings.HasSuffix(err.Error(), "last seen: backend is shop") {
		t.Errorf("got %v", err)
	}
}

func TestShutdownWaitsForAnswers(t *testing.T) {
	t.Parallel()
	s, c := start(t, backend.HTTP, nil)
	answered := make(chan error, 1)
	go func() {
		_, err := c.Do(context.WithoutCancel(t.Context()), traffic.Request{Host: "a", Headers: http.Header{backend.DelayHeader: {"100ms"}}})
		answered <- err
	}()
	err := poll.Until(t.Context(), 5*time.Second, "request", func(context.Context) (bool, string, error) {
		return s.Requests() > 0, "", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}
