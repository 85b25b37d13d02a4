//go:build local

package envoy_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contour.example/envoybootstrap"

	"contour.example/harness/address"
	"contour.example/harness/backend"
	"contour.example/harness/envoy"
	"contour.example/harness/load"
	"contour.example/harness/traffic"
)

// static is a bootstrap with one listener and one cluster; %s: admin socket, listener port, backend IP, backend port.
const static = `{
  "admin": {"address": {"pipe": {"path": %q}}},
  "static_resources": {
    "listeners": [{
      "address": {"socket_address": {"address": "127.0.0.1", "port_value": %d}},
      "filter_chains": [{"filters": [{
        "name": "http",
        "typed_config": {
          "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
          "stat_prefix": "http", "codec_type": "AUTO", "upgrade_configs": [{"upgrade_type": "websocket"}],
          "http_filters": [{"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
          "route_config": {"virtual_hosts": [{"name": "a", "domains": ["a.example"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "shop"}}]}]}
        }
      }]}]
    }],
    "clusters": [{
      "name": "shop", "type": "STATIC",
      "load_assignment": {"cluster_name": "shop", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": %q, "port_value": %d}}}}]}]}
    }]
  }
}`

func claims(t *testing.T) *address.Claims {
	t.Helper()
	c, err := address.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// dir is short enough for unix sockets, unlike t.TempDir.
func dir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("", "envoy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d) })
	return d
}

func start(t *testing.T, o envoy.Options) *envoy.Envoy {
	t.Helper()
	e, err := envoy.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Kill(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestTrafficThroughEnvoyToABackend(t *testing.T) {
	t.Parallel()
	addresses, d := claims(t), dir(t)
	ip, err := addresses.IP()
	if err != nil {
		t.Fatal(err)
	}
	s, err := backend.HTTP(backend.Options{Service: "shop", Listen: netip.AddrPortFrom(ip, 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	port, err := addresses.Port()
	if err != nil {
		t.Fatal(err)
	}
	bootstrap := filepath.Join(d, "static.json")
	text := fmt.Sprintf(static, envoy.AdminSocket(d), port, ip.String(), s.Address().Port())
	if err := os.WriteFile(bootstrap, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	e := start(t, envoy.Options{Dir: d, Bootstrap: bootstrap})
	if err := e.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}

	c := traffic.Client{HTTP: fmt.Sprintf("127.0.0.1:%d", port)}
	for host, want := range map[string]int{"a.example": 200, "b.example": 404} {
		a, err := c.Get(t.Context(), host, "/")
		if err != nil || a.Status != want {
			t.Errorf("%s: %s, %v, want status %d", host, a, err, want)
		}
	}
	if reply, err := c.WebSocket(t.Context(), traffic.Request{Host: "a.example"}, "hi"); reply != "hi" || err != nil {
		t.Errorf("websocket: %q, %v", reply, err)
	}
	request := traffic.Request{Host: "a.example"}
	if r := load.Run(t.Context(), load.Options{Client: c, Request: request, Rate: 300, Duration: time.Second}); r.OK != 300 {
		t.Errorf("want 300 requests ok:\n%s", r)
	}
	checkAdmin(t, e)
}

func checkAdmin(t *testing.T, e *envoy.Envoy) {
	t.Helper()
	stats, err := e.Stats(t.Context(), "^http.http.downstream_rq_2xx$")
	if err != nil || stats["http.http.downstream_rq_2xx"] != 301 || len(stats) != 1 {
		t.Errorf("stats %v, %v, want 301 answers", stats, err)
	}
	dump, err := e.ConfigDump(t.Context())
	if err != nil || !json.Valid(dump) || !strings.Contains(string(dump), `"shop"`) {
		t.Errorf("config dump without the cluster: %v\n%s", err, dump)
	}
	if _, err := e.Admin(t.Context(), "/no/such/path"); err == nil {
		t.Error("an unknown admin path is no error")
	}
}

func TestBootstrapOfTheProjectIsAccepted(t *testing.T) {
	t.Parallel()
	d := dir(t)
	port, err := claims(t).Port()
	if err != nil {
		t.Fatal(err)
	}
	config := envoybootstrap.Default()
	config.XDSPort = port // nothing listens there
	e := start(t, envoy.Options{Dir: d, XDS: config, Node: "me"})
	// Without a controller Envoy is not ready, but its admin endpoint answers.
	var info []byte
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && e.Running(); {
		if info, err = e.Admin(t.Context(), "/server_info"); err == nil {
			break
		}
	}
	if err != nil || !strings.Contains(string(info), `"id": "me"`) {
		t.Fatalf("server info: %v\n%s\n%s", err, info, e.Tail(20))
	}
	u, err := e.Updates(t.Context())
	if err != nil || u != (envoy.Updates{}) {
		t.Errorf("updates %+v, %v, want none", u, err)
	}
}

func TestEnvoyThatCannotStart(t *testing.T) {
	t.Parallel()
	d := dir(t)
	bootstrap := filepath.Join(d, "bad.json")
	if err := os.WriteFile(bootstrap, []byte(`{"no_such_field": 1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	e := start(t, envoy.Options{Dir: d, Bootstrap: bootstrap})
	if err := e.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "no_such_field") {
		t.Errorf("got %v, want an error with Envoy's message", err)
	}
}
