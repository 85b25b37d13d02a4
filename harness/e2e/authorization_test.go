//go:build local

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/traffic"
)

// recovery is the time within which requests are authorized again when a service is back.
const recovery = time.Second

// authorized are the hosts of the test, with the service that each asks.
type authorized struct {
	f            *fixture
	calls, plain *authorizer
	closed, open map[string]*authorizer // by host: refuses or allows requests while the service is away
}

const authzNeighbor = "authz-neighbor.example"

// The routes of a host are closed while its authorization service is away, slow or faulty, or open if the host says so; other
// hosts and exempt routes never notice, and nothing has to change in Kubernetes for the recovery.
func TestAuthorization(t *testing.T) {
	a := newAuthorized(t)
	a.answersByToken()
	// An answer later than that is a loss.
	const late = 2 * time.Second
	start := func(r traffic.Request) *load.Load {
		r.Timeout = late
		return load.Start(t.Context(), load.Options{Client: a.f.s.Traffic, Request: r, Rate: 50, Check: ok})
	}
	neighbor, exempt := start(traffic.Request{Host: authzNeighbor}), start(withToken("authz-grpc.example", "/public", "")[1])
	for _, fault := range []struct {
		name        string
		begin, stop func(*authorizer)
	}{
		{"away", func(a *authorizer) { a.stop() }, func(a *authorizer) { a.start(t) }},
		{"slow", func(a *authorizer) { a.set(late, false) }, func(a *authorizer) { a.set(0, false) }},
		{"faulty", func(a *authorizer) { a.set(0, true) }, func(a *authorizer) { a.set(0, false) }},
	} {
		fault.begin(a.calls)
		fault.begin(a.plain)
		a.whileFaulty(fault.name)
		fault.stop(a.calls)
		fault.stop(a.plain)
		a.all(a.closed, "/", "yes", 200)
		a.all(a.closed, "/", "", 401)
		a.all(a.open, "/", "", 401)
	}
	for what, report := range map[string]load.Report{"neighbor": neighbor.Stop(), "exempt route": exempt.Stop()} {
		if !report.Lossless(100) {
			t.Errorf("%s:\n%s", what, report)
		}
	}
}

// newAuthorized creates the services and the hosts.
func newAuthorized(t *testing.T) *authorized {
	t.Helper()
	f := newFixture(t, shared)
	a := &authorized{f: f, calls: f.newAuthorizer(grpcServer), plain: f.newAuthorizer(httpServer)}
	a.closed = map[string]*authorizer{"authz-grpc.example": a.calls, "authz-http.example": a.plain}
	a.open = map[string]*authorizer{"authz-grpc-open.example": a.calls, "authz-http-open.example": a.plain}
	f.service("shop", f.server("shop", "0"))
	f.extension("calls", "h2c", a.calls)
	f.extension("plain", "http/1.1", a.plain)
	f.certificate("cert", "authz-grpc.example", "authz-http.example", "authz-grpc-open.example", "authz-http-open.example")
	f.authorizedHost("authz-grpc", "extensionRef: {name: calls}, responseTimeout: 300ms")
	f.authorizedHost("authz-http", plainService)
	f.authorizedHost("authz-grpc-open", "extensionRef: {name: calls}, responseTimeout: 300ms, failOpen: true")
	f.authorizedHost("authz-http-open", plainService+", failOpen: true")
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: neighbor}
spec: {virtualhost: {fqdn: %s}, routes: [{services: [{name: shop, port: 80}]}]}
`, authzNeighbor)
	return a
}

// all waits until requests with the token to all of the hosts, with TLS and without, are answered with the code.
func (a *authorized) all(of map[string]*authorizer, path, token string, code int) {
	a.f.t.Helper()
	for host := range of {
		for _, r := range withToken(host, path, token) {
			a.f.eventually(r, code, recovery)
		}
	}
}

// answersByToken checks what the hosts answer while their services are there.
func (a *authorized) answersByToken() {
	a.f.t.Helper()
	a.f.status(traffic.Request{Host: authzNeighbor}, 200)
	for _, of := range []map[string]*authorizer{a.open, a.closed} {
		for host := range of {
			for _, r := range withToken(host, "/", "yes") {
				a.f.status(r, 200)
			}
		}
	}
	for _, of := range []map[string]*authorizer{a.closed, a.open} {
		a.all(of, "/", "", 401)
		a.all(of, "/", "no", 401)
	}
	a.f.notAsked(func() {
		a.all(a.closed, "/public", "", 200)
		a.f.status(traffic.Request{Host: authzNeighbor}, 200)
	}, a.calls, a.plain)
}

// whileFaulty checks that closed hosts answer with an error, and open ones serve.
func (a *authorized) whileFaulty(fault string) {
	a.f.t.Helper()
	for range 3 {
		for host := range a.closed {
			for _, r := range withToken(host, "/", "yes") {
				a.f.never(r, fault, 503)
			}
		}
		for host := range a.open {
			for _, r := range withToken(host, "/", "") {
				a.f.never(r, fault, 200)
			}
		}
	}
}

// plainService is an authorization by HTTP.
const plainService = "extensionRef: {name: plain}, serviceType: http, responseTimeout: 300ms, httpSettings: {allowedAuthorizationHeaders: [{exact: x-token}]}"

func ok(a traffic.Answer) string {
	if a.Status != http.StatusOK {
		return fmt.Sprintf("status %d", a.Status)
	}
	return ""
}

// withToken returns the request without TLS, where filters act on marks, and with TLS, where they are in a chain.
func withToken(host, path, token string) []traffic.Request {
	headers := http.Header{}
	if token != "" {
		headers.Set("X-Token", token)
	}
	return []traffic.Request{{Host: host, Path: path, Headers: headers}, {Host: host, Path: path, Headers: headers, TLS: &traffic.TLS{}}}
}

// authorizedHost applies an HTTPProxy of that name with the authorization.
func (f *fixture) authorizedHost(name, authorization string) {
	f.t.Helper()
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: %s}
spec:
  virtualhost: {fqdn: %s.example, tls: {secretName: cert}, authorization: {%s}}
  routes:
  - {services: [{name: shop, port: 80}], permitInsecure: true}
  - {conditions: [{prefix: /public}], services: [{name: shop, port: 80}], permitInsecure: true, authPolicy: {disabled: true}}
`, name, name, authorization)
}

// never sends the request once: whatever the state of connections to the service, the answer has that code.
func (f *fixture) never(r traffic.Request, fault string, code int) {
	f.t.Helper()
	a, err := f.s.Traffic.Do(f.t.Context(), r)
	if err != nil || a.Status != code {
		f.t.Errorf("the service is %s: %s is answered with %v, %v, want status %d", fault, r.Host, a, err, code)
	}
}

// notAsked fails if services are asked while send sends requests.
func (f *fixture) notAsked(send func(), services ...*authorizer) {
	f.t.Helper()
	before := 0
	for _, a := range services {
		before += a.questions()
	}
	send()
	for _, a := range services {
		before -= a.questions()
	}
	if before != 0 {
		f.t.Errorf("the services were asked %d times", -before)
	}
}
