package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/stagetest"
)

func TestLocalOnlyRefusesOtherSites(t *testing.T) {
	t.Parallel()
	h := localOnly(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, c := range []struct {
		method, host, site string
		want               int
	}{
		{http.MethodGet, "127.0.0.1:9001", "", http.StatusOK},
		{http.MethodGet, "localhost:9001", "", http.StatusOK},
		{http.MethodGet, "localhost:9001", "none", http.StatusOK},
		{http.MethodGet, "localhost:9001", "same-origin", http.StatusOK},
		{http.MethodGet, "[::1]:9001", "", http.StatusOK},
		{http.MethodGet, "[::1]", "", http.StatusOK},
		{http.MethodPost, "localhost:9001", "", http.StatusOK},
		{http.MethodGet, "10.0.0.7:6060", "", http.StatusOK}, // the address of the connection
		{http.MethodGet, "rebound.example:9001", "", http.StatusForbidden},
		{http.MethodGet, "", "", http.StatusForbidden},
		{http.MethodGet, "10.0.0.1", "", http.StatusForbidden},
		{http.MethodGet, "localhost:9001", "cross-site", http.StatusForbidden},
		{http.MethodGet, "localhost:9001", "same-site", http.StatusForbidden},
		{http.MethodPost, "localhost:9001", "cross-site", http.StatusForbidden},
	} {
		local := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 6060})
		r := httptest.NewRequestWithContext(local, c.method, "/quitquitquit", http.NoBody)
		r.Host = c.host
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("%+v: got %d", c, w.Code)
		}
	}
}

// The debug pages of serve are for this machine; metrics and health are for everybody, even on the same socket.
func TestDebugPagesOfServeAreLocal(t *testing.T) {
	t.Parallel()
	at := config.Address{Host: "127.0.0.1", Port: 6060}
	c := &controller{core: newCore(config.Default(), logger(t.Output(), &logFlags{})), process: config.Process{Debug: at, Health: at, Metrics: at}}
	mux := c.handlers()[socketOf(at)]
	for _, row := range []struct {
		host, path string
		want       int
	}{
		{"localhost:6060", "/debug/", http.StatusOK},
		{"localhost:6060", "/debug/pprof/", http.StatusOK},
		{"rebound.example:6060", "/debug/", http.StatusForbidden},
		{"rebound.example:6060", "/debug/xds", http.StatusForbidden},
		{"rebound.example:6060", "/debug/pprof/heap", http.StatusForbidden},
		{"contour.projectcontour:6060", "/healthz", http.StatusOK},
		{"contour.projectcontour:6060", "/metrics", http.StatusOK},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, row.path, http.NoBody)
		r.Host = row.host
		w := httptest.NewRecorder()
		if mux.ServeHTTP(w, r); w.Code != row.want {
			t.Errorf("%+v: got %d", row, w.Code)
		}
	}
}

// Metrics have TLS with the files of the configuration, for clients with a certificate of the CA, and health has none.
func TestMetricsTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(years int) tls.Certificate {
		issued, err := stagetest.NewPair("contour", time.Now().AddDate(years, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"tls.crt": issued.Certificate, "tls.key": issued.Key, "ca.crt": issued.Certificate} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		pair, err := tls.X509KeyPair(issued.Certificate, issued.Key)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	known := write(1)
	files := ir.TLSFiles{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), CA: filepath.Join(dir, "ca.crt")}
	at := func() config.Address {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return config.Address{Host: "127.0.0.1", Port: uint32(l.Addr().(*net.TCPAddr).Port)}
	}
	c := &controller{core: newCore(config.Default(), logger(t.Output(), &logFlags{})), process: config.Process{Debug: at(), Health: at(), Metrics: at(), MetricsTLS: files}}
	if err := c.secureMetrics(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	run, err := c.pages(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	defer func() { cancel(); <-ended }()
	get := func(scheme string, of config.Address, shown ...tls.Certificate) (string, error) {
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: shown}, //nolint:gosec // the server's certificate is no subject here
		}}
		path := "/metrics"
		if of == c.process.Health {
			path = "/healthz"
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s://%s:%d%s", scheme, of.Host, of.Port, path), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	if text, err := get("https", c.process.Metrics, known); err != nil || !strings.Contains(text, "contour_build_info") {
		t.Errorf("a client of the CA: %.100s, %v", text, err)
	}
	if text, err := get("https", c.process.Metrics); err == nil {
		t.Errorf("a client without a certificate gets %.100s", text)
	}
	if text, err := get("http", c.process.Metrics); err == nil && strings.Contains(text, "contour_build_info") {
		t.Error("metrics are served in plain text")
	}
	if text, err := get("http", c.process.Health); err != nil || text != "OK\n" {
		t.Errorf("health: %q, %v", text, err)
	}
	renewed := write(2)
	if _, err := get("https", c.process.Metrics, known); err == nil {
		t.Error("a client of the former CA is served")
	}
	if text, err := get("https", c.process.Metrics, renewed); err != nil || !strings.Contains(text, "contour_build_info") {
		t.Errorf("after a renewal: %.100s, %v", text, err)
	}

	c.process.MetricsTLS.Key = filepath.Join(dir, "missing")
	if err := c.secureMetrics(); err == nil {
		t.Error("the controller starts without a key")
	}
}

// pipes is a listener for connections within the process.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.ended) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) connect() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// A request has 10 s to arrive, a response 5 min to be read, and both 5 s to end when the process does.
func TestTimeoutsOfHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20)) })
		mux.HandleFunc("/stuck", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		l := &pipes{conns: make(chan net.Conn), ended: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- serveHTTP(ctx, l, mux) }()
		start := time.Now()
		slow := l.connect()
		_, _ = io.WriteString(slow, "GET /large HTTP/1.1\r\n")
		_, _ = io.Copy(io.Discard, slow)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("a request that does not end is cut after %v", took)
		}
		start = time.Now()
		unread := l.connect()
		_, _ = io.WriteString(unread, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if n, _ := io.Copy(io.Discard, unread); n >= 1<<20 {
			t.Errorf("a response that nobody reads is there after %v", time.Since(start))
		}
		stuck := l.connect()
		_, _ = io.WriteString(stuck, "GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
		synctest.Wait()
		start = time.Now()
		cancel()
		if err := <-ended; err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("ended after %v: %v", time.Since(start), err)
		}
		_ = stuck.Close()
	})
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var out, failures bytes.Buffer
	s := Streams{Out: &out, Err: &failures, Env: noEnv}
	if code := Main([]string{"version"}, s); code != 0 || !regexp.MustCompile(`^version \S+\nrevision \S+\nenvoy v1\.\d+\.\d+\ngateway-api \S+\ngo \S+\n$`).MatchString(out.String()) {
		t.Errorf("exit code %d, %q, %q", code, out.String(), failures.String())
	}
	if code := Main([]string{"version", "more"}, s); code != 2 {
		t.Errorf("exit code %d with an argument", code)
	}
}
