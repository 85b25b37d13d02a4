package bench

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"contour.example/harness/pki"
)

// The first expected answer ends the wait, not one from another backend or of another host, and all use one connection.
func TestProbe(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	var mu sync.Mutex
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		connections[r.RemoteAddr] = true
		mu.Unlock()
		if r.Host != "a.example" {
			http.Error(w, "unknown host", http.StatusNotFound)
			return
		}
		switch requests.Add(1) {
		case 1:
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		case 2:
			fmt.Fprint(w, `{"service":"old"}`)
		default:
			fmt.Fprint(w, `{"service":"new"}`)
		}
	}))
	t.Cleanup(server.Close)
	p := newProber(strings.TrimPrefix(server.URL, "http://"), "", nil)
	t.Cleanup(p.close)
	if _, err := p.until(t.Context(), longTimeout, want{host: "a.example", path: "/b", backend: "new"}); err != nil {
		t.Fatal(err)
	}
	if got := requests.Load(); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
	if _, err := p.until(t.Context(), longTimeout, want{host: "b.example", path: "/b"}); err != nil {
		t.Errorf("host that no route serves: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(connections) != 1 {
		t.Errorf("%d connections, want 1", len(connections))
	}
}

func TestProbeReportsWhatItReceived(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"service":"old"}`) }))
	t.Cleanup(server.Close)
	p := newProber(strings.TrimPrefix(server.URL, "http://"), "", nil)
	t.Cleanup(p.close)
	for _, w := range []want{{host: "a.example", path: "/b", backend: "new"}, {host: "a.example", path: "/b"}} {
		_, err := p.until(t.Context(), shortTimeout, w)
		if err == nil || !strings.Contains(err.Error(), `status 200 from backend "old"`) {
			t.Errorf("error %v does not contain what was received", err)
		}
	}
}

// The first handshake with the new certificate ends the wait; requests succeed only over TLS of the roots.
func TestProbeOverTLS(t *testing.T) {
	t.Parallel()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	old, renewed := pair(t, ca), pair(t, ca)
	var handshakes atomic.Int64
	address := serveTLS(t, func() pki.Pair {
		if handshakes.Add(1) < 3 {
			return old
		}
		return renewed
	})
	p := newProber("", address, ca.Pool())
	t.Cleanup(p.close)
	if _, err := p.presents(t.Context(), longTimeout, "a.example", der(renewed)); err != nil {
		t.Fatal(err)
	}
	if got := handshakes.Load(); got != 3 {
		t.Errorf("%d handshakes, want 3", got)
	}
	w := want{host: "a.example", path: "/", backend: "new", secure: true}
	if _, err := p.until(t.Context(), longTimeout, w); err != nil {
		t.Error(err)
	}
	w.host = "b.example"
	if _, err := p.until(t.Context(), shortTimeout, w); err == nil || !strings.Contains(err.Error(), "not b.example") {
		t.Errorf("error %v of a host that is not in the certificate", err)
	}
}

func pair(t *testing.T, ca *pki.CA) pki.Pair {
	t.Helper()
	p, err := ca.Server("a.example")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serveTLS answers like a backend called new, with the certificate that choose returns for each handshake.
func serveTLS(t *testing.T, choose func() pki.Pair) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"service":"new"}`) }),
		ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := choose().TLS()
			return &c, err
		}},
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() { _ = server.ServeTLS(l, "", "") }()
	return l.Addr().String()
}
