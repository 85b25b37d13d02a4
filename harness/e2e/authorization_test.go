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

// The routes of a host are closed while its authorization service is away, slow or faulty, or open if the host says so; other
// hosts and exempt routes never notice, and nothing has to change in Kubernetes for the recovery.
func TestAuthorization(t *testing.T) {
	f := newFixture(t, shared)
	const neighbor = "authz-neighbor.example"
	calls, plain := f.newAuthorizer(grpcServer), f.newAuthorizer(httpServer)
	f.service("shop", f.server("shop", "0"))
	f.extension("calls", "h2c", calls)
	f.extension("plain", "http/1.1", plain)
	hosts := map[string]*authorizer{"authz-grpc.example": calls, "authz-http.example": plain}
	open := map[string]*authorizer{"authz-grpc-open.example": calls, "authz-http-open.example": plain}
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
`, neighbor)

	f.status(traffic.Request{Host: neighbor}, 200)
	all := func(of map[string]*authorizer, path, token string, code int) {
		t.Helper()
		for host := range of {
			for _, r := range withToken(host, path, token) {
				f.eventually(r, code, recovery)
			}
		}
	}
	for host := range open {
		f.status(withToken(host, "/", "yes")[0], 200)
		f.status(withToken(host, "/", "yes")[1], 200)
	}
	for host := range hosts {
		f.status(withToken(host, "/", "yes")[0], 200)
		f.status(withToken(host, "/", "yes")[1], 200)
	}
	for _, of := range []map[string]*authorizer{hosts, open} {
		all(of, "/", "", 401)
		all(of, "/", "no", 401)
	}
	f.notAsked(func() {
		all(hosts, "/public", "", 200)
		f.status(traffic.Request{Host: neighbor}, 200)
	}, calls, plain)

	running := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: traffic.Request{Host: neighbor}, Rate: 50, Check: ok})
	public := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: withToken("authz-grpc.example", "/public", "")[1], Rate: 50, Check: ok})
	for _, fault := range []struct {
		name        string
		begin, stop func(*authorizer)
	}{
		{"away", func(a *authorizer) { a.stop() }, func(a *authorizer) { a.start(t) }},
		{"slow", func(a *authorizer) { a.set(2*time.Second, false) }, func(a *authorizer) { a.set(0, false) }},
		{"faulty", func(a *authorizer) { a.set(0, true) }, func(a *authorizer) { a.set(0, false) }},
	} {
		for _, a := range []*authorizer{calls, plain} {
			fault.begin(a)
		}
		for range 3 {
			for host := range hosts {
				for _, r := range withToken(host, "/", "yes") {
					f.never(r, fault.name, 503)
				}
			}
			for host := range open {
				for _, r := range withToken(host, "/", "") {
					f.never(r, fault.name, 200)
				}
			}
		}
		for _, a := range []*authorizer{calls, plain} {
			fault.stop(a)
		}
		all(hosts, "/", "yes", 200)
		all(hosts, "/", "", 401)
		all(open, "/", "", 401)
	}
	for what, report := range map[string]load.Report{"neighbor": running.Stop(), "exempt route": public.Stop()} {
		if report.OK != report.Sent || report.OK < 100 {
			t.Errorf("%s:\n%s", what, report)
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
