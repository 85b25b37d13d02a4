//go:build envoy

package pipeline_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/envoybootstrap"
	"contour.example/envoybootstrap/admin"
)

// open opens a connection to the HTTP listener; it reports false if Envoy closes it.
func (f *fleet) open(t *testing.T) (net.Conn, bool) {
	t.Helper()
	at := f.config.Listeners.HTTP
	c, err := net.Dial("tcp", net.JoinHostPort(at.Host, fmt.Sprint(at.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+edgeHost+"\r\n\r\n"); err != nil {
		return nil, false
	}
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, false
	}
	return c, string(head) == "HTTP/1.1 200"
}

// The values of the runtime are those of the configuration, from the start of Envoy on and when they change, without a change of
// a listener; a listener closes connections beyond its limit, and none if there is no limit any more.
func TestRuntimeOnEnvoy(t *testing.T) {
	var socket string
	f := startEdge(t, func(c *envoybootstrap.Config) { socket = c.AdminSocket }, func(c *config.Config) {
		c.Listeners.Connections.MaxConnections = 3
		c.Runtime = ir.RuntimeSettings{MaxRequestsPerIOCycle: 7, Values: []ir.RuntimeValue{{Key: "upstream.use_retry", Value: "50"}}}
	})
	if socket == "" || !filepath.IsAbs(socket) {
		t.Fatalf("admin socket %q", socket)
	}
	client := admin.New(socket, admin.Options{})
	runtime := func(want ...string) {
		t.Helper()
		f.until(t, "the runtime has "+strings.Join(want, " "), func() (bool, string) {
			text, err := client.Get(t.Context(), "/runtime?format=json")
			if err != nil {
				return false, err.Error()
			}
			compact := strings.Join(strings.Fields(string(text)), "")
			for _, w := range want {
				if w, absent := strings.CutPrefix(w, "!"); strings.Contains(compact, w) == absent {
					return false, compact
				}
			}
			return true, ""
		})
	}
	runtime(`"http.max_requests_per_io_cycle":{`, `"final_value":"7"`, `"upstream.use_retry":{`, `"final_value":"50"`, `"envoy.resource_limits.listener.ingress_http.connection_limit":{`, `!stats-health.connection_limit`)
	var open []net.Conn
	f.until(t, "three connections are open", func() (bool, string) { // that of a former request may still be closing
		c, ok := f.open(t)
		if ok {
			open = append(open, c)
		}
		return len(open) == 3, fmt.Sprint(len(open))
	})
	for range 5 {
		if _, ok := f.open(t); ok {
			t.Error("a connection beyond the limit is served")
		}
	}
	if r := f.ready(t); r != http.StatusOK {
		t.Errorf("/ready of an Envoy with a listener at its limit: %d", r)
	}
	before, err := client.Stats(t.Context(), "listener_manager")
	if err != nil {
		t.Fatal(err)
	}
	f.config.Listeners.Connections.MaxConnections, f.config.Runtime = 0, ir.RuntimeSettings{}
	f.sys.Configure(f.config)
	f.waitIdle(t)
	runtime(`!http.max_requests_per_io_cycle`, `!use_retry`, `!connection_limit`)
	for range 5 {
		if _, ok := f.open(t); !ok {
			t.Error("a connection is not served without a limit")
		}
	}
	after, err := client.Stats(t.Context(), "listener_manager")
	if err != nil {
		t.Fatal(err)
	}
	if key := "listener_manager.listener_modified"; before[key] != after[key] {
		t.Errorf("%s: %d, then %d", key, before[key], after[key])
	}
	if len(f.rejections) > 0 {
		t.Errorf("rejections: %v", f.rejections)
	}
}
