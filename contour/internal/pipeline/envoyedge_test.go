//go:build envoy

package pipeline_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
	"contour.example/envoybootstrap"
)

// edgeHost is the host of these tests.
const edgeHost = "edge.example.com"

// startEdge is an Envoy that serves edgeHost from a backend that echoes, with the default configuration but for the edits.
func startEdge(t *testing.T, bootstrap func(*envoybootstrap.Config), edit func(*config.Config)) *fleet {
	t.Helper()
	f := startFleetWith(t, bootstrap, edit)
	f.sys.Step(f.edgeObjects(t, 0))
	f.waitIdle(t)
	f.until(t, "the host is served", func() (bool, string) {
		got := f.exchange(t, "GET / HTTP/1.1\r\nHost: "+edgeHost+"\r\nConnection: close\r\n\r\n")
		return got.StatusCode == http.StatusOK, got.Status
	})
	return f
}

func asIs(*envoybootstrap.Config) {}

// edgeObjects is a proxy for edgeHost, its Service, and its endpoint: a port of this machine, or a backend that echoes.
func (f *fleet) edgeObjects(t *testing.T, port int) []store.Change {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: "edge", Name: "edge"}
	key := func(k kobj.Kind) kobj.Key { return kobj.Key{Kind: k, Name: kobj.Name{Namespace: "edge", Name: "edge"}} }
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: meta, Ports: []discoveryv1.EndpointPort{{Name: new(""), Port: new(int32(port))}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}}},
	}
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: "edge"}
	if port == 0 {
		slice = f.local(t, slice)
	}
	return []store.Change{
		{Key: key(kobj.Service), Object: &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}},
		{Key: key(kobj.EndpointSlice), Object: slice},
		{Key: key(kobj.HTTPProxy), Object: &contourv1.HTTPProxy{ObjectMeta: meta, Spec: contourv1.HTTPProxySpec{
			VirtualHost: &contourv1.VirtualHost{Fqdn: edgeHost},
			Routes:      []contourv1.Route{{Services: []contourv1.Service{{Name: "edge", Port: 80}}}},
		}}},
	}
}

// until polls until the condition holds.
func (f *fleet) until(t *testing.T, what string, condition func() (bool, string)) {
	t.Helper()
	last := ""
	if !eventually(func() (ok bool) { ok, last = condition(); return ok }) {
		t.Fatalf("%s: last %s", what, last)
	}
}

// connect opens a connection to a listener; it ends with the test.
func connect(t *testing.T, at config.Address) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", at.Host, at.Port), timeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(timeout))
	return c
}

// exchange sends bytes to the HTTP listener and reads the answer; one with the status 0 if there is none.
func (f *fleet) exchange(t *testing.T, request string) *http.Response {
	t.Helper()
	c := connect(t, f.config.Listeners.HTTP)
	defer c.Close()
	_, _ = io.WriteString(c, request)
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: http.MethodGet})
	if err != nil {
		return &http.Response{Status: err.Error(), Body: http.NoBody, Header: http.Header{}}
	}
	response.Body.Close()
	return response
}

// get is the answer to a request for a path with lines of headers.
func (f *fleet) get(t *testing.T, path string, headers ...string) *http.Response {
	t.Helper()
	return f.exchange(t, "GET "+path+" HTTP/1.1\r\nHost: "+edgeHost+"\r\nConnection: close\r\n"+strings.Join(append(headers, ""), "\r\n")+"\r\n")
}

// closedBy reports whether the other side closes the connection.
func closedBy(c net.Conn) (bool, string) {
	_, err := c.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded), fmt.Sprint(err)
}

// A client that sends half of the headers is answered 408, one that sends nothing is cut off after the idle timeout.
func TestEdgeClientsThatAreSlow(t *testing.T) {
	f := startEdge(t, asIs, func(c *config.Config) {
		c.Timeouts.RequestHeaders = ir.Timeout{Duration: 200 * time.Millisecond}
		c.Timeouts.ConnectionIdle = ir.Timeout{Duration: 400 * time.Millisecond}
	})
	if got := f.exchange(t, "GET / HTTP/1.1\r\nHost: "+edgeHost+"\r\nX-Half: "); got.StatusCode != http.StatusRequestTimeout {
		t.Errorf("half of the headers: %s", got.Status)
	}
	if closed, err := closedBy(connect(t, f.config.Listeners.HTTP)); !closed {
		t.Errorf("an idle connection is open: %s", err)
	}
}

// frame is a frame of HTTP/2.
type frame struct {
	kind    byte
	stream  uint32
	payload []byte
}

func readFrame(t *testing.T, r io.Reader) frame {
	t.Helper()
	head := make([]byte, 9)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	f := frame{kind: head[3], stream: binary.BigEndian.Uint32(head[5:]), payload: make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))}
	if _, err := io.ReadFull(r, f.payload); err != nil {
		t.Fatal(err)
	}
	return f
}

// Envoy announces the default number of requests at a time, and windows, to clients of HTTP/2.
func TestEdgeWindowsOfHTTP2(t *testing.T) {
	f := startEdge(t, asIs, func(*config.Config) {})
	c := connect(t, f.config.Listeners.HTTP)
	_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	settings := readFrame(t, c)
	got := map[uint16]uint32{}
	for p := settings.payload; settings.kind == 4 && len(p) >= 6; p = p[6:] {
		got[binary.BigEndian.Uint16(p)] = binary.BigEndian.Uint32(p[2:])
	}
	const maxConcurrentStreams, initialWindowSize, settingsFrame, windowUpdate = 3, 4, 4, 8
	if settings.kind != settingsFrame || got[maxConcurrentStreams] != 100 || got[initialWindowSize] != 64<<10 {
		t.Errorf("frame %d: settings %v", settings.kind, got)
	}
	window := uint32(65_535) // of the connection, by the protocol
	for window < 1<<20 {
		if u := readFrame(t, c); u.kind == windowUpdate && u.stream == 0 {
			window += binary.BigEndian.Uint32(u.payload)
		}
	}
	if window != 1<<20 {
		t.Errorf("the window of the connection is %d", window)
	}
}

// Header names with underscores, paths with escaped slashes: as Contour without settings, and closed.
func TestEdgeAmbiguousRequests(t *testing.T) {
	type answers struct{ underscore, slash, location string }
	for name, c := range map[string]struct {
		edit func(*config.Config)
		want answers
	}{
		"default": {func(*config.Config) {}, answers{"200", "200", ""}},
		"closed": {func(c *config.Config) {
			c.HTTP.Underscores, c.HTTP.EscapedSlashes = ir.RejectUnderscores, ir.RedirectEscapedSlashes
		}, answers{"400", "307", "/a/b"}},
		"others": {func(c *config.Config) {
			c.HTTP.Underscores, c.HTTP.EscapedSlashes = ir.DropUnderscores, ir.RejectEscapedSlashes
		}, answers{"200", "400", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			f := startEdge(t, asIs, c.edit)
			underscore := f.get(t, "/", "X_Forwarded_For: me")
			slash := f.get(t, "/a%2Fb")
			got := answers{strconv.Itoa(underscore.StatusCode), strconv.Itoa(slash.StatusCode), slash.Header.Get("Location")}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			passed := strings.Contains(underscore.Header.Get(receivedHeader), "X_forwarded_for") || strings.Contains(underscore.Header.Get(receivedHeader), "X_Forwarded_For")
			if passed != (name == "default") {
				t.Errorf("what the backend receives: %s", underscore.Header.Get(receivedHeader))
			}
		})
	}
}

// Requests with headers of more than 60 KiB, or with more than 100 headers, are rejected.
func TestEdgeHeadersAreLimited(t *testing.T) {
	f := startEdge(t, asIs, func(*config.Config) {})
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprintf("X-%d: 1", i))
	}
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"59 KiB":      {[]string{"X-Long: " + strings.Repeat("a", 59<<10)}, http.StatusOK},
		"61 KiB":      {[]string{"X-Long: " + strings.Repeat("a", 61<<10)}, http.StatusRequestHeaderFieldsTooLarge},
		"90 headers":  {many[:90:90], http.StatusOK},
		"101 headers": {many, http.StatusRequestHeaderFieldsTooLarge},
	} {
		if got := f.get(t, "/", c.headers...); got.StatusCode != c.want {
			t.Errorf("%s: %s, want %d", name, got.Status, c.want)
		}
	}
}

// stat returns a figure of Envoy whose name ends so, the sum of several; -1 if there is none.
func (f *fleet) stat(t *testing.T, suffix string) int {
	t.Helper()
	c := connect(t, f.config.Listeners.Stats)
	defer c.Close()
	fmt.Fprintf(c, "GET /stats?filter=%s HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\n\r\n", suffix)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", response.Status, err)
	}
	sum := -1
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.Atoi(value); err == nil && strings.HasSuffix(name, suffix) && strings.Contains(name, "edge") {
			sum = max(sum, 0) + n
		}
	}
	return sum
}

// What a client uploads to a backend that does not read stays in the socket of the client: Envoy holds little of it.
func TestEdgeBuffersAreLimited(t *testing.T) {
	f := startEdge(t, func(c *envoybootstrap.Config) { c.Stats = envoybootstrap.StatsAll }, func(*config.Config) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			defer c.Close()
		}
	}()
	f.sys.Step(f.edgeObjects(t, l.Addr().(*net.TCPAddr).Port)[1:2])
	f.waitIdle(t)
	const uploads = 10
	for range uploads {
		c := connect(t, f.config.Listeners.HTTP)
		go func() {
			fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", edgeHost, 1<<30)
			_, _ = io.Copy(c, zeros{})
		}()
	}
	held, same := 0, 0 // times in a row
	f.until(t, "all uploads are held up", func() (bool, string) {
		active, now := f.stat(t, "upstream_rq_active"), f.stat(t, "upstream_cx_tx_bytes_buffered")
		if same++; now != held || now <= 0 || active != uploads {
			held, same = now, 0
		}
		return same == 10, fmt.Sprintf("%d uploads, %d bytes held", active, now)
	})
	t.Logf("%d bytes of %d uploads are held for the backend", held, uploads)
	if held < 1 || held > uploads*3*(32<<10) {
		t.Errorf("%d bytes of %d uploads are held for the backend", held, uploads)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// ready returns the status of /ready.
func (f *fleet) ready(t *testing.T) int {
	t.Helper()
	return f.readyAt(t, f.config.Listeners.Stats)
}

// readyAt returns the status of /ready of a listener; 0 if it closes the connection.
func (f *fleet) readyAt(t *testing.T, at config.Address) int {
	t.Helper()
	c := connect(t, at)
	defer c.Close()
	_, _ = io.WriteString(c, "GET /ready HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// Connections of clients are limited in total, and an Envoy that is full is ready and shows its statistics.
func TestEdgeConnectionsAreLimited(t *testing.T) {
	enforced := config.Address{Host: "127.0.0.1", Port: envoytest.FreePort(t)}
	f := startEdge(t, func(c *envoybootstrap.Config) { c.MaxDownstreamConnections = 3 }, func(c *config.Config) { c.Listeners.OverloadHealth = enforced })
	f.until(t, "one connection too many is closed", func() (bool, string) {
		open := 0
		for range 5 {
			c := connect(t, f.config.Listeners.HTTP)
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", edgeHost)
			if _, err := c.Read(make([]byte, 1)); err == nil {
				open++
			}
		}
		return open == 0, fmt.Sprint(open, " are open") // three are, of the first time
	})
	if got := f.ready(t); got != http.StatusOK {
		t.Errorf("/ready of an Envoy that is full: %d", got)
	}
	if got := f.readyAt(t, enforced); got != 0 {
		t.Errorf("/ready of an Envoy that is full, of the listener to which the limits apply: %d", got)
	}
}

// An Envoy whose heap is full rejects requests, and is ready: its neighbors are as full. Only the listener for that says otherwise.
func TestEdgeHeapIsLimited(t *testing.T) {
	enforced := config.Address{Host: "127.0.0.1", Port: envoytest.FreePort(t)}
	f := startFleetWith(t, func(c *envoybootstrap.Config) { c.MaxHeapBytes = 1 << 20 }, func(c *config.Config) { c.Listeners.OverloadHealth = enforced })
	f.sys.Step(f.edgeObjects(t, 0))
	f.waitIdle(t)
	f.until(t, "requests are rejected", func() (bool, string) {
		got := f.get(t, "/")
		return got.StatusCode == http.StatusServiceUnavailable, got.Status
	})
	if got := f.ready(t); got != http.StatusOK {
		t.Errorf("/ready of an Envoy without memory: %d", got)
	}
	if got := f.readyAt(t, enforced); got != http.StatusServiceUnavailable {
		t.Errorf("/ready of an Envoy without memory, of the listener to which the limits apply: %d", got)
	}
}

// Readers of statistics are limited, in connections and in requests at a time, and do not make Envoy look dead.
func TestEdgeStatsListenerIsLimited(t *testing.T) {
	f := startFleet(t)
	at := f.config.Listeners.Stats
	for range 64 {
		c := connect(t, at)
		_, _ = io.WriteString(c, strings.Repeat("GET /stats/prometheus HTTP/1.1\r\nHost: envoy\r\n\r\n", 20))
	}
	for range 20 {
		if got := f.ready(t); got != http.StatusOK {
			t.Fatalf("/ready beside 64 readers of statistics: %d", got)
		}
	}
	var idle []net.Conn
	for range 1100 {
		idle = append(idle, connect(t, at))
	}
	closed := 0
	for _, c := range idle {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if gone, _ := closedBy(c); gone {
			closed++
		}
	}
	if closed < 1100-1024 {
		t.Errorf("%d of 1100 idle connections are closed", closed)
	}
}
