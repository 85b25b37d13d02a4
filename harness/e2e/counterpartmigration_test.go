//go:build local && counterpart

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/asset"
	"contour.example/harness/backend"
	"contour.example/harness/controller"
	"contour.example/harness/envoy"
	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

const (
	movedHost = "moved.example"

	// The addresses in the statuses that Contour and our controller write.
	contourAddress, ourAddress = "192.0.2.1", "192.0.2.2"
)

// fastLease makes the election of a leader fast; Contour has the same flags.
func fastLease() []string {
	return []string{"--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2s", "--leader-election-retry-period=500ms"}
}

// A load balancer moves from the Envoys of Contour to ours and back, while endpoints and routes change, as docs/migrate-from-contour.md
// describes it ("Beside Contour"): no request fails, Envoys of a running controller follow each change, and the leader alone writes
// statuses.
func TestCounterpartContourIsReplacedAndBack(t *testing.T) {
	m := newMigration(t)
	m.begin()
	defer m.end()

	m.follow("Contour alone", contourAddress, m.theirs)
	if _, err := m.s.AddController(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.follow("both", contourAddress, m.theirs, m.s.Traffic)
	if n := m.written(); n > 0 {
		t.Errorf("the controller without the Lease has written %v statuses", n)
	}
	m.balance(1)
	m.follow("requests moved", contourAddress, m.s.Traffic, m.theirs)
	m.contour.stop(t)
	m.follow("our controller alone", ourAddress, m.s.Traffic)

	m.contour.start(t)
	m.follow("both again", ourAddress, m.s.Traffic, m.theirs)
	m.balance(0)
	if err := m.s.StopController(m.s.Controllers[0]); err != nil {
		t.Error(err)
	}
	m.follow("Contour alone again", contourAddress, m.theirs)
}

// migration is Contour with an Envoy, and a system that is to replace it. A load balancer sends requests to the Envoy of one of them.
type migration struct {
	*fixture
	contour *counterpart
	theirs  traffic.Client // of Contour's Envoy
	proxy   kube.Ref
	changes int
	former  []*backend.Server
	to      atomic.Int32 // the Envoy to which the load balancer sends requests: 0 is Contour's, 1 ours
	loads   map[string]*load.Load
}

func newMigration(t *testing.T) *migration {
	t.Helper()
	s := start(t, testsystem.Options{ServeArgs: append(fastLease(), "--ingress-status-address="+ourAddress)})
	if err := s.StopController(s.Controllers[0]); err != nil { // it only started the cluster
		t.Fatal(err)
	}
	m := &migration{fixture: newFixture(t, s), loads: map[string]*load.Load{}}
	m.proxy = kube.Ref{GroupVersionKind: schema.GroupVersionKind{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"}, Namespace: m.namespace, Name: "shop"}
	m.certificate("shop", movedHost)
	m.install()
	return m
}

// install starts Contour, and an Envoy that is connected to it.
func (m *migration) install() {
	m.t.Helper()
	listeners, err := controller.ClaimListeners(m.s.Addresses)
	if err != nil {
		m.t.Fatal(err)
	}
	m.theirs = traffic.Client{HTTP: fmt.Sprintf("127.0.0.1:%d", listeners.HTTP), HTTPS: fmt.Sprintf("127.0.0.1:%d", listeners.HTTPS)}
	m.contour = m.newCounterpart("upstream-contour", func(at netip.AddrPort) []string {
		args := append(fastLease(), "serve", "--kubeconfig="+m.s.Cluster.Kubeconfig, "--insecure", "--leader-election-resource-namespace="+testsystem.Namespace,
			"--ingress-status-address="+contourAddress, "--xds-address="+at.Addr().String(), "--xds-port="+strconv.Itoa(int(at.Port())))
		for flag, port := range map[string]int{
			"envoy-service-http": listeners.HTTP, "envoy-service-https": listeners.HTTPS, "stats": listeners.Stats,
			"health": m.port(), "http": m.port(), "debug-http": m.port(),
		} {
			args = append(args, "--"+flag+"-address=127.0.0.1", "--"+flag+"-port="+strconv.Itoa(port))
		}
		return args
	})
	dir, err := os.MkdirTemp("", "envoy-") // short, for the path of a unix socket
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "bootstrap.json")
	path, err := asset.Get(m.t.Context(), "upstream-contour")
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := exec.CommandContext(m.t.Context(), path, "bootstrap", file, "--admin-address="+envoy.AdminSocket(dir),
		"--xds-address="+m.contour.address.Addr().String(), "--xds-port="+strconv.Itoa(int(m.contour.address.Port()))).CombinedOutput()
	if err != nil {
		m.t.Fatalf("bootstrap: %v\n%s", err, out)
	}
	e, err := envoy.Start(m.t.Context(), envoy.Options{Dir: dir, Bootstrap: file})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = e.Kill() })
}

// port claims a port.
func (m *migration) port() int {
	m.t.Helper()
	p, err := m.s.Addresses.Port()
	if err != nil {
		m.t.Fatal(err)
	}
	return p
}

// balance makes the load balancer send requests to another Envoy, whose former connections end with their requests.
func (m *migration) balance(to int32) { m.to.Store(to) }

// begin serves the application by Contour, and starts requests through the load balancer.
func (m *migration) begin() {
	m.t.Helper()
	m.change()
	m.served("first", m.theirs)
	for what, r := range map[string]traffic.Request{
		"connections that stay":           {Method: "POST", Host: movedHost, Path: "/stays"},
		"TLS, with connections that stay": {Method: "POST", Host: movedHost, Path: "/stays", TLS: &traffic.TLS{}},
		"HTTP/2":                          {Method: "POST", Host: movedHost, Path: "/stays", TLS: &traffic.TLS{}, HTTP2: true},
	} {
		transports := [2]*http.Transport{m.theirs.Transport(r), m.s.Traffic.Transport(r)}
		m.loads[what] = load.Start(m.t.Context(), load.Options{Rate: 50, Send: func(ctx context.Context) (time.Duration, string) {
			a, err := traffic.Do(ctx, transports[m.to.Load()], r)
			switch {
			case err != nil:
				return a.Took, load.ErrorKind(err)
			case a.Backend() != "shop":
				return a.Took, fmt.Sprintf("status %d", a.Status)
			}
			return a.Took, ""
		}})
	}
}

// end ends the requests, of which none may have failed.
func (m *migration) end() {
	m.t.Helper()
	for what, l := range m.loads {
		r := l.Stop()
		m.t.Logf("%s: %s", what, r)
		if !r.Lossless(500) {
			m.t.Errorf("%s: requests are lost", what)
		}
	}
}

// change replaces the endpoint of the application and adds a route.
func (m *migration) change() {
	m.t.Helper()
	m.changes++
	next := m.server("shop", strconv.Itoa(m.changes))
	m.service("shop", next)
	m.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: shop}
spec:
  virtualhost: {fqdn: %s, tls: {secretName: shop}}
  routes:
  - conditions: [{prefix: /stays}]
    permitInsecure: true
    services: [{name: shop, port: 80}]
  - conditions: [{exact: /change-%d}]
    permitInsecure: true
    services: [{name: shop, port: 80}]
`, movedHost, m.changes)
	m.former = append(m.former, next)
}

// served waits until each Envoy serves the last change, over HTTP and HTTPS.
func (m *migration) served(when string, envoys ...traffic.Client) {
	m.t.Helper()
	instance := strconv.Itoa(m.changes)
	for i, e := range envoys {
		for _, secure := range []*traffic.TLS{nil, {}} {
			r := traffic.Request{Host: movedHost, Path: "/change-" + instance, TLS: secure}
			_, err := e.Until(m.t.Context(), seen, r, func(a traffic.Answer) string {
				if a.Echo == nil || a.Echo.Instance != instance {
					return a.String()
				}
				return ""
			})
			if err != nil {
				m.t.Fatalf("%s, change %s, Envoy %d: %v", when, instance, i, err)
			}
		}
	}
}

// follow makes changes, each of which the Envoys serve before the former endpoint terminates, and waits until the status has the address.
func (m *migration) follow(when, address string, envoys ...traffic.Client) {
	m.t.Helper()
	m.wait(when+": status", takeover, func() bool { return m.address() == address })
	for range 5 {
		m.change()
		m.served(when, envoys...)
		terminating := m.former[0]
		m.former = m.former[1:]
		ctx, cancel := context.WithTimeout(m.t.Context(), seen)
		if err := terminating.Shutdown(ctx); err != nil {
			m.t.Errorf("%s: former endpoint: %v", when, err)
		}
		cancel()
	}
	m.wait(when+": status of the last change", takeover, m.valid)
	if got := m.address(); got != address {
		m.t.Errorf("%s: the status has the address %q, want %q", when, got, address)
	}
}

// address returns the address in the status of the HTTPProxy.
func (m *migration) address() string {
	o, err := m.s.Kube.Get(m.t.Context(), m.proxy)
	if err != nil {
		return err.Error()
	}
	addresses, _, _ := unstructured.NestedSlice(o.Object, "status", "loadBalancer", "ingress")
	if len(addresses) != 1 {
		return fmt.Sprint(addresses)
	}
	ip, _ := addresses[0].(map[string]any)["ip"].(string)
	return ip
}

// valid reports whether the status says that the last change is valid.
func (m *migration) valid() bool {
	o, err := m.s.Kube.Get(m.t.Context(), m.proxy)
	if err != nil {
		return false
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		c := c.(map[string]any)
		if c["type"] == "Valid" && c["status"] == "True" && c["observedGeneration"] == o.GetGeneration() {
			return true
		}
	}
	return false
}

// written is the number of statuses that our controller has written.
func (m *migration) written() float64 {
	m.t.Helper()
	metrics, err := m.s.Controllers[0].Metrics(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	return metrics.Sum("contour_status_update_total")
}
