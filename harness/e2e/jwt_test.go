//go:build local

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/scenario"
	"contour.example/harness/traffic"
)

// The shortest interval at which keys are fetched, and the time in which a change of keys has to be served.
const (
	refresh = 10 * time.Second
	rotated = 3 * refresh
)

// bearer is a request with a token.
func bearer(host, path, token string) traffic.Request {
	r := traffic.Request{Host: host, Path: path, TLS: &traffic.TLS{}, Headers: http.Header{}}
	if token != "" {
		r.Headers.Set("Authorization", "Bearer "+token)
	}
	return r
}

// Tokens of an issuer whose keys are fetched: routes are closed until the keys are there, valid tokens work while the issuer
// is away and others edit, and keys rotate without a failed request.
func TestTokens(t *testing.T) {
	f := newFixture(t, shared)
	const host, neighbor = "tokens.example", "tokens-neighbor.example"
	i := f.newIssuer()
	i.set(func(i *issuer) { i.away = true })
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", host)
	neighbors := 0
	editNeighbor := func() {
		neighbors++
		f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: neighbor}
spec:
  virtualhost: {fqdn: %s}
  routes: [{services: [{name: shop, port: 80}]}, {conditions: [{prefix: /%d}], directResponsePolicy: {statusCode: 204}}]
`, neighbor, neighbors)
		f.status(traffic.Request{Host: neighbor, Path: fmt.Sprint("/", neighbors)}, 204)
	}
	provide := func(fields string) {
		f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: tokens}
spec:
  virtualhost:
    fqdn: %s
    tls: {secretName: cert}
    jwtProviders:
    - {name: p, default: true, issuer: "https://issuer.example", %s}
  routes:
  - {services: [{name: shop, port: 80}]}
  - {conditions: [{prefix: /plain}], permitInsecure: true, services: [{name: shop, port: 80}]}
  - {conditions: [{prefix: /public}], services: [{name: shop, port: 80}], jwtVerificationPolicy: {disabled: true}}
`, host, fields)
	}
	remote := fmt.Sprintf(`audiences: [shop], remoteJWKS: {uri: %q, cacheDuration: 10s}`, i.uri)
	provide(remote)
	valid := i.token(t, "1", "shop", time.Hour)

	f.answered(bearer(host, "/public", ""), "shop")
	f.status(bearer(host, "/", valid), 503)
	editNeighbor()
	f.reported("Error", "RemoteJWKSNotFetched")

	i.set(func(i *issuer) { i.away = false })
	f.eventually(bearer(host, "/", valid), 200, 2*refresh)
	f.status(bearer(host, "/", ""), 401)
	f.status(bearer(host, "/", i.token(t, "1", "shop", -time.Hour)), 401)
	f.status(bearer(host, "/", i.token(t, "1", "other", time.Hour)), 403)
	insecure := bearer(host, "/plain", valid)
	insecure.TLS = nil
	f.status(insecure, 200)
	insecure.Headers = nil
	f.status(insecure, 401)
	f.runSteps(scenario.Step{Name: "the object is valid", Objects: []scenario.Object{f.proxyStatus("valid")}})

	sent, asked := f.sent(), i.requests()
	f.wait("a refresh", rotated, func() bool { return i.requests() > asked })
	if n := f.sent() - sent; n != 0 {
		t.Errorf("a fetch of equal keys sent %d resources", n)
	}

	// Requests with a valid token arrive during all that follows.
	running := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: bearer(host, "/", valid), Rate: 50, Check: func(a traffic.Answer) string {
		if a.Status != 200 {
			return fmt.Sprintf("status %d", a.Status)
		}
		return ""
	}})
	i.set(func(i *issuer) { i.away = true })
	asked = i.requests()
	f.wait("failed fetches", rotated, func() bool { return i.requests() > asked+3 })
	for range 5 {
		editNeighbor()
	}
	f.reported("Warning", "RemoteJWKSNotFetched")
	provide(fmt.Sprintf(`audiences: [shop, more], remoteJWKS: {uri: %q, cacheDuration: 10s}`, i.uri))
	f.status(bearer(host, "/", i.token(t, "1", "more", time.Hour)), 200)
	i.set(func(i *issuer) { i.away, i.delay = false, 3*time.Second }) // beyond the timeout of 1 s
	for n, fields := range []string{
		fmt.Sprintf(`forwardJWT: true, remoteJWKS: {uri: %q, cacheDuration: 10s}`, i.uri),
		fmt.Sprintf(`remoteJWKS: {uri: "%s?other", cacheDuration: 10s}`, i.uri),
		fmt.Sprintf(`remoteJWKS: {uri: %q, cacheDuration: 10s, timeout: 10s}`, i.uri),
		fmt.Sprintf(`remoteJWKS: {uri: %q, cacheDuration: 11s, timeout: 10s, dnsLookupFamily: v4}`, i.uri),
	} {
		provide(fields)
		editNeighbor()
		f.status(bearer(host, "/", valid), 200)
		t.Logf("edit %d: %d requests for keys", n, i.requests())
	}
	i.set(func(i *issuer) { i.delay = 0 })
	i.publish(t, "2")
	f.eventually(bearer(host, "/", i.token(t, "2", "shop", time.Hour)), 200, rotated)
	if report := running.Stop(); report.OK != report.Sent || report.OK < 100 {
		t.Errorf("valid tokens were refused:\n%s", report)
	} else {
		t.Logf("%d requests, none failed", report.OK)
	}
	i.set(func(i *issuer) { delete(i.keys, "1") })
	f.eventually(bearer(host, "/", valid), 401, rotated)
}

// eventually waits for a status for longer than a change of objects takes.
func (f *fixture) eventually(r traffic.Request, code int, timeout time.Duration) {
	f.t.Helper()
	if _, err := f.s.Traffic.Until(f.t.Context(), timeout, r, func(a traffic.Answer) string {
		if a.Status != code {
			return fmt.Sprintf("%s, want status %d", a, code)
		}
		return ""
	}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) wait(what string, timeout time.Duration, done func() bool) {
	f.t.Helper()
	for end := time.Now().Add(timeout); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("%s: not within %s", what, timeout)
		}
	}
}

// proxyStatus is the HTTPProxy of the test with that status.
func (f *fixture) proxyStatus(status string) scenario.Object {
	return scenario.Object{
		Target: scenario.Target{APIVersion: "projectcontour.io/v1", Kind: "HTTPProxy", Name: "tokens", Namespace: f.namespace},
		Has:    map[string]any{"status": map[string]any{"currentStatus": status}},
	}
}

// reported waits until the HTTPProxy reports the reason, as an Error or a Warning.
func (f *fixture) reported(severity, reason string) {
	f.t.Helper()
	list := map[string]string{"Error": "errors", "Warning": "warnings"}[severity]
	o := f.proxyStatus("valid")
	if severity == "Error" {
		o = f.proxyStatus("invalid")
	}
	status := o.Has["status"].(map[string]any)
	status["conditions"] = []any{map[string]any{"type": "Valid", list: []any{map[string]any{"type": "JWTVerificationError", "reason": reason}}}}
	f.runSteps(scenario.Step{Name: severity + " " + reason, Objects: []scenario.Object{o}})
}
