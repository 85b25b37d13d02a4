//go:build local

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/ratelimit"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// While a real rate limit service is away, does not answer, or answers with errors because its Redis does not count, limited requests are
// refused, or pass where the configuration says so. Requests that are not limited never notice, and limits hold within a second after
// each fault, without a change in Kubernetes.
func TestGlobalRateLimitsUnderFaults(t *testing.T) {
	f := newFixture(t, shared)
	service, err := ratelimit.Start(t.Context(), ratelimit.Options{Dir: t.TempDir(), Configuration: limits, Addresses: shared.Addresses})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Stop(); err != nil {
			t.Error(err)
		}
	})
	f.service("shop", f.server("shop", "0"))
	f.extension("limits", "h2c", &authorizer{address: service.Address})
	f.certificate("cert", "faults-closed.example", "faults-open.example")
	closed, open := f.limitedSystem("faults-closed", false), f.limitedSystem("faults-open", true)

	neighbors := map[string]*load.Load{}
	for _, l := range []*limited{closed, open} {
		l.holds(seen)
		r := l.request("/off")
		r.Timeout = 2 * time.Second // an answer later than that is a loss
		neighbors[l.host] = load.Start(t.Context(), load.Options{Client: l.s.Traffic, Request: r, Rate: 300, Check: ok})
	}
	for _, fault := range []struct {
		name       string
		begin, end func() error
	}{
		{"away", service.Pause, func() error { return service.Resume(t.Context()) }},
		{"slow", service.Freeze, service.Thaw},
		{"faulty", func() error { return service.Break(t.Context()) }, func() error { return service.Repair(t.Context()) }},
	} {
		if err := fault.begin(); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			closed.each(func(r traffic.Request) { closed.never(r, fault.name, 503) })
			open.each(func(r traffic.Request) { open.never(r, fault.name, 200) })
		}
		if err := fault.end(); err != nil {
			t.Fatal(err)
		}
		closed.holds(recovery)
		open.holds(recovery)
	}
	for host, l := range neighbors {
		if report := l.Stop(); !report.Lossless(100) {
			t.Errorf("requests to %s that are not limited:\n%s", host, report)
		}
	}
}

// limited is a controller and an Envoy with a rate limit service, and a host.
type limited struct {
	*fixture
	host string
}

// limitedSystem starts a controller of that class, whose limits are open or closed while the service is away, and creates a host.
func (f *fixture) limitedSystem(class string, failOpen bool) *limited {
	f.t.Helper()
	config := filepath.Join(f.t.TempDir(), "contour.yaml")
	text := "rateLimitService: {extensionService: " + f.namespace + "/limits, domain: tests"
	if failOpen {
		text += ", failOpen: true"
	}
	if err := os.WriteFile(config, []byte(text+"}\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	s := beside(f.t, class, testsystem.Options{ServeArgs: []string{"--config-path=" + config}})
	l := &limited{fixture: &fixture{t: f.t, s: s, namespace: f.namespace}, host: class + ".example"}
	l.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: %[1]s}
spec:
  ingressClassName: %[1]s
  virtualhost: {fqdn: %[2]s, tls: {secretName: cert}}
  routes:
  - {conditions: [{prefix: /off}], services: [{name: shop, port: 80}], permitInsecure: true}
  - services: [{name: shop, port: 80}]
    permitInsecure: true
    rateLimitPolicy: {global: {descriptors: [{entries: [{genericKey: {key: user, value: %[1]s}}]}]}}
`, class, l.host)
	return l
}

func (l *limited) request(path string) traffic.Request {
	return traffic.Request{Host: l.host, Path: path, Headers: http.Header{}}
}

// each calls do with the limited request without TLS and with TLS.
func (l *limited) each(do func(traffic.Request)) {
	r := l.request("/")
	do(r)
	r.TLS = &traffic.TLS{}
	do(r)
}

// holds waits until the limit, which each of these requests exceeds after the first ones, holds.
func (l *limited) holds(within time.Duration) {
	l.t.Helper()
	l.each(func(r traffic.Request) { l.eventually(r, http.StatusTooManyRequests, within) })
}
