package suite

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

// running is a test that sends its requests to the addresses.
func running(t *testing.T, client traffic.Client) *T {
	t.Helper()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	return &T{ctx: t.Context(), timeout: 5 * time.Second, namespace: "ns", runner: &Runner{Traffic: client, CA: ca}}
}

// An error that was expected must stay.
func TestErrorsMustStay(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) <= 2*inARow {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	test := running(t, traffic.Client{HTTP: server.Listener.Addr().String()})
	test.Get("http://a/", Error)
	if test.err == nil || !strings.Contains(test.err.Error(), "was as expected, and then: status 200") {
		t.Errorf("got %v", test.err)
	}
	test = running(t, test.runner.Traffic)
	requests.Store(0)
	test.Once(Request{URL: "http://a/"}, Error)
	if test.err != nil {
		t.Errorf("got %v", test.err)
	}
}

// What the proxy rejects is distinguished from what the client gives up.
func TestRejection(t *testing.T) {
	t.Parallel()
	foreign := httptest.NewTLSServer(http.NotFoundHandler()) // with a certificate that the client does not accept
	t.Cleanup(foreign.Close)
	newer := httptest.NewUnstartedServer(http.NotFoundHandler())
	newer.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	newer.StartTLS()
	t.Cleanup(newer.Close)
	closing := listen(t, func(c net.Conn) { _ = c.Close() })
	gone := listen(t, func(net.Conn) {})
	_ = gone.Close()
	for name, c := range map[string]struct {
		address, want string
		maxTLS        uint16
	}{
		"certificate of another": {foreign.Listener.Addr().String(), "", 0},
		"old version":            {newer.Listener.Addr().String(), "protocol version not supported", tls.VersionTLS12},
		"closed":                 {closing.Addr().String(), Closed, 0},
		"not listening":          {gone.Addr().String(), NotListening, 0},
	} {
		test := running(t, traffic.Client{HTTPS: c.address})
		_, err := test.runner.Traffic.Do(t.Context(), test.prepared(Request{URL: "https://a/", MaxTLS: c.maxTLS}))
		if got := rejection(err); err == nil || got != c.want {
			t.Errorf("%s: got %q of %v, want %q", name, got, err, c.want)
		}
	}
}

// listen accepts connections until the test ends.
func listen(t *testing.T, f func(net.Conn)) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f(c)
		}
	}()
	return l
}

// Equal shares are wrong where three quarters are wanted, and so are requests of others.
func TestWrongShares(t *testing.T) {
	t.Parallel()
	want := map[string]float64{"many": 75, "few": 25}
	for name, c := range map[string]struct {
		got   map[string]int
		right bool
	}{
		"exact":      {map[string]int{"many": 750, "few": 250}, true},
		"near":       {map[string]int{"many": 710, "few": 290}, true},
		"equal":      {map[string]int{"many": 500, "few": 500}, false},
		"one":        {map[string]int{"many": 1000}, false},
		"of another": {map[string]int{"many": 750, "few": 249, "none": 1}, false},
	} {
		if wrong := wrongShares(c.got, sampleSize, want); (wrong == "") != c.right {
			t.Errorf("%s: %q is wrong", name, wrong)
		}
	}
}
