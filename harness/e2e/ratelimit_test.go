//go:build local

package e2e

import (
	"fmt"
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

// limits is the configuration of the rate limit service: how often each user, a host and a route may be asked for in an hour.
const limits = `
domain: tests
descriptors:
- {key: user, rate_limit: {unit: hour, requests_per_unit: 3}}
- {key: generic_key, value: default, rate_limit: {unit: hour, requests_per_unit: 2}}
- {key: header_match, value: search, rate_limit: {unit: hour, requests_per_unit: 1}}
- {key: remote_address, descriptors: [{key: path, value: costly, rate_limit: {unit: hour, requests_per_unit: 1}}]}
`

// limitsClass is the class of the controller that has a rate limit service.
const limitsClass = "limited"

// Requests count for all Envoys in a real rate limit service: those of hosts and routes by every kind of entry, and by the default
// of the configuration. While the service is away, limited routes are closed, all others never notice, and limits hold within a
// second after it is back, with what was counted before.
func TestGlobalRateLimits(t *testing.T) {
	f, service := newLimited(t)
	ask := func(host, path string, headers ...string) traffic.Request {
		h := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return traffic.Request{Host: host, Path: path, Headers: h}
	}
	neighbor := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: ask("limited-out.example", "/"), Rate: 200, Check: ok})
	own, tls := ask("limited.example", "/", "X-User", "a"), ask("limited.example", "/", "X-User", "b")
	tls.TLS = &traffic.TLS{}
	f.counts(own, 3)
	f.counts(tls, 3)
	f.counts(ask("limited.example", "/search", "X-Query", "q"), 1)
	f.counts(ask("limited.example", "/costly"), 1)
	f.counts(ask("limited-default.example", "/"), 2)
	for _, r := range []traffic.Request{ask("limited.example", "/off", "X-User", "a"), ask("limited.example", "/"), ask("limited-out.example", "/")} {
		for range 5 {
			f.never(r, "there", 200)
		}
	}

	if err := service.Pause(); err != nil {
		t.Fatal(err)
	}
	f.status(own, 503)
	for range 3 {
		f.never(ask("limited.example", "/", "X-User", "c"), "away", 503)
		f.never(ask("limited.example", "/off", "X-User", "c"), "away", 200)
	}
	if err := service.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	f.status(own, 429)
	if took := time.Since(back); took > time.Second {
		t.Errorf("the limit holds %v after the service is back", took)
	}
	f.counts(ask("limited.example", "/", "X-User", "d"), 3)
	if report := neighbor.Stop(); !report.Lossless(10) {
		t.Errorf("neighbor:\n%s", report)
	}
}

// counts fails unless the first n requests are served, with the number that is left, and the next one is refused.
func (f *fixture) counts(r traffic.Request, n int) {
	f.t.Helper()
	for i := range n + 1 {
		want, left := 200, fmt.Sprint(max(0, n-1-i))
		if i == n {
			want = 429
		}
		a, err := f.s.Traffic.Do(f.t.Context(), r)
		if err != nil || a.Status != want || a.Headers.Get("X-Ratelimit-Remaining") != left {
			f.t.Fatalf("request %d of %s%s: %v, %v, remaining %q; want status %d, remaining %s", i+1, r.Host, r.Path, a, err, a.Headers.Get("X-Ratelimit-Remaining"), want, left)
		}
	}
}

// newLimited starts the service, a controller that has it, and hosts.
func newLimited(t *testing.T) (*fixture, *ratelimit.Service) {
	t.Helper()
	dir := t.TempDir()
	service, err := ratelimit.Start(t.Context(), ratelimit.Options{Dir: dir, Configuration: limits, Addresses: shared.Addresses})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Stop(); err != nil {
			t.Error(err)
		}
	})
	f := newFixture(t, shared)
	config := filepath.Join(dir, "contour.yaml")
	if err := os.WriteFile(config, []byte(`
rateLimitService:
  extensionService: `+f.namespace+`/limits
  domain: tests
  enableXRateLimitHeaders: true
  defaultGlobalRateLimitPolicy: {descriptors: [{entries: [{genericKey: {value: default}}]}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	f.s = beside(t, limitsClass, testsystem.Options{ServeArgs: []string{"--config-path=" + config}})
	f.service("shop", f.server("shop", "0"))
	f.extension("limits", "h2c", &authorizer{address: service.Address})
	f.certificate("cert", "limited.example")
	f.limitedHosts()
	f.status(traffic.Request{Host: "limited.example", Path: "/off"}, 200)
	f.status(traffic.Request{Host: "limited.example", Path: "/off", TLS: &traffic.TLS{}}, 200)
	f.status(traffic.Request{Host: "limited-out.example"}, 200)
	f.status(traffic.Request{Host: "limited-default.example", Path: "/off"}, 200)
	return f, service
}

func (f *fixture) limitedHosts() {
	f.t.Helper()
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: limited}
spec:
  ingressClassName: %[1]s
  virtualhost:
    fqdn: limited.example
    tls: {secretName: cert}
    rateLimitPolicy: {global: {descriptors: [{entries: [{requestHeader: {headerName: X-User, descriptorKey: user}}]}]}}
  routes:
  - {services: [{name: shop, port: 80}], permitInsecure: true}
  - {conditions: [{prefix: /off}], services: [{name: shop, port: 80}], permitInsecure: true, rateLimitPolicy: {global: {disabled: true}}}
  - conditions: [{prefix: /search}]
    services: [{name: shop, port: 80}]
    permitInsecure: true
    rateLimitPolicy: {global: {descriptors: [{entries: [{requestHeaderValueMatch: {value: search, headers: [{name: X-Query, present: true}]}}]}]}}
  - conditions: [{prefix: /costly}]
    services: [{name: shop, port: 80}]
    permitInsecure: true
    rateLimitPolicy: {global: {descriptors: [{entries: [{remoteAddress: {}}, {genericKey: {key: path, value: costly}}]}]}}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: default}
spec:
  ingressClassName: %[1]s
  virtualhost: {fqdn: limited-default.example}
  routes:
  - services: [{name: shop, port: 80}]
  - {conditions: [{prefix: /off}], services: [{name: shop, port: 80}], rateLimitPolicy: {global: {disabled: true}}}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: out}
spec:
  ingressClassName: %[1]s
  virtualhost: {fqdn: limited-out.example, rateLimitPolicy: {global: {disabled: true}}}
  routes: [{services: [{name: shop, port: 80}]}]
`, limitsClass)
}
