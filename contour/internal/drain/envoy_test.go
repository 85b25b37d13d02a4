//go:build envoy

package drain_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"contour.example/contour/internal/drain"
	"contour.example/contour/internal/envoytest"
)

type object = map[string]any

// A real Envoy with a client of an HTTP listener, one of a TCP proxy and one of the stats listener: while it drains it is
// unready and accepts connections; it is drained when both clients have disconnected, and accepts no connection from then on.
func TestDrainOfARealEnvoy(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 3)
	admin := startEnvoy(t, ports)
	web, raw, stats := dial(t, ports[0]), dial(t, ports[1]), dial(t, ports[2])
	requireStatus(t, web, "200 OK")

	e := drain.NewAdmin(admin)
	waitForOpen(t, e, 2)
	counts := make(chan int)
	o := drain.Options{Interval: 20 * time.Millisecond, Timeout: time.Minute, Observe: func(open int, err error) {
		if err != nil {
			t.Error(err)
		}
		counts <- open
	}}
	type outcome struct {
		drain.Result
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		defer close(counts)
		r, err := drain.Run(t.Context(), e, o)
		ended <- outcome{r, err}
	}()
	until(counts, 2) // Envoy may still count one by which the test saw that it listens
	requireStatus(t, stats, "503 Service Unavailable")
	late := dial(t, ports[0])
	until(counts, 3)
	requireStatus(t, late, "200 OK")
	requireClosed(t, late) // Envoy closes with its answer
	requireStatus(t, web, "200 OK")
	until(counts, 1)
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	for range counts { // until the drain is over
	}
	if got := <-ended; got.err != nil || got.Open != 0 || got.Late {
		t.Errorf("drained: %+v", got)
	}
	waitForClosed(t, ports[0])
}

// until drops counts until one has seen that many connections; the drain must not end before.
func until(counts <-chan int, open int) {
	for n := range counts {
		if n == open {
			return
		}
	}
}

func waitForOpen(t *testing.T, e *drain.Admin, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		open, err := e.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if open == want {
			return
		}
	}
}

type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, address string) client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return client{conn, bufio.NewReader(conn)}
}

func requireStatus(t *testing.T, c client, want string) {
	t.Helper()
	fmt.Fprint(c, "GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err != nil || response.Status != want {
		t.Errorf("got %s, %v, want %s", response.Status, err, want)
	}
}

func requireClosed(t *testing.T, c client) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end of the connection", err)
	}
}

func freePorts(t *testing.T, n int) (addresses []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// startEnvoy runs Envoy with an HTTP listener, a TCP proxy to it, and a stats listener, and returns its admin socket.
func startEnvoy(t *testing.T, addresses []string) string {
	t.Helper()
	path := envoytest.Path(t)
	dir, err := os.MkdirTemp("", "drain-") // short, for the path of the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	admin, config := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "envoy.json")
	content, err := json.Marshal(bootstrap(admin, addresses))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, content, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", config, "--service-node", "a", "--service-cluster", "a", "--concurrency", "2", "--disable-hot-restart", "--log-level", "error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for _, address := range addresses {
		waitForListener(t, address)
	}
	return admin
}

func waitForListener(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// waitForClosed waits for the threads of Envoy, which close their sockets one by one.
func waitForClosed(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("connections are still accepted after the drain")
		}
	}
}

func bootstrap(admin string, addresses []string) object {
	return object{
		"admin": object{"address": object{"pipe": object{"path": admin}}},
		"static_resources": object{
			"listeners": []any{
				listener("ingress_http", addresses[0], manager(object{"direct_response": object{"status": 200}})),
				listener("ingress_https", addresses[1], filter("tcp_proxy", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", object{"stat_prefix": "raw", "cluster": "admin"})),
				listener("stats-health", addresses[2], manager(object{"route": object{"cluster": "admin"}})),
			},
			"clusters": []any{object{"name": "admin", "load_assignment": object{"cluster_name": "admin", "endpoints": []any{object{"lb_endpoints": []any{object{
				"endpoint": object{"address": object{"pipe": object{"path": admin}}},
			}}}}}}},
		},
	}
}

func listener(name, address string, f object) object {
	host, port, _ := net.SplitHostPort(address)
	return object{
		"name":          name,
		"address":       object{"socket_address": object{"address": host, "port_value": json.RawMessage(port)}},
		"filter_chains": []any{object{"filters": []any{f}}},
	}
}

func manager(action object) object {
	action["match"] = object{"prefix": "/"}
	return filter("http_connection_manager", "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", object{
		"stat_prefix": "http",
		// how long Envoy waits before it closes a drained connection
		"drain_timeout": "0.1s", "delayed_close_timeout": "0.1s",
		"route_config": object{"virtual_hosts": []any{object{"name": "a", "domains": []any{"*"}, "routes": []any{action}}}},
		"http_filters": []any{object{"name": "router", "typed_config": object{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}},
	})
}

func filter(name, message string, fields object) object {
	fields["@type"] = "type.googleapis.com/" + message
	return object{"name": "envoy.filters.network." + name, "typed_config": fields}
}
