//go:build local

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/poll"
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

// tokens is a host whose tokens are of an issuer, and a neighbor in another route table.
type tokens struct {
	*fixture
	issuer    *issuer
	neighbor  string // the host of the neighbor, which no other test has
	neighbors int    // edits of it
}

const tokenHost = "tokens.example"

// Tokens of an issuer whose keys are fetched: routes are closed until the keys are there, valid tokens work while the issuer
// is away and others edit, and keys rotate without a failed request.
func TestTokens(t *testing.T) {
	f := newFixture(t, shared)
	k := &tokens{fixture: f, issuer: f.newIssuer(), neighbor: "tokens-neighbor.example"}
	k.issuer.set(func(i *issuer) { i.away = true })
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", tokenHost)
	k.provide(fmt.Sprintf(`audiences: [shop], remoteJWKS: {uri: %q, cacheDuration: 10s}`, k.issuer.uri))
	valid := k.issuer.token(t, "1", "shop", time.Hour)
	k.closedWithoutKeys(valid)
	k.answersByToken(valid)
	k.equalKeysSendNothing()

	// Requests with a valid token arrive during all that follows; an answer later than that is a loss.
	r := bearer(tokenHost, "/", valid)
	r.Timeout = 2 * time.Second
	running := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: r, Rate: 50, Check: ok})
	k.editsWhileAway()
	k.editsWhileSlow(valid)
	k.issuer.set(func(i *issuer) { i.delay = 0 })
	k.answersWhileWrong(valid)
	k.issuer.publish(t, "2")
	f.eventually(bearer(tokenHost, "/", k.issuer.token(t, "2", "shop", time.Hour)), 200, rotated)
	report := running.Stop()
	if t.Log(report); !report.Lossless(100) {
		t.Error("valid tokens were refused, or requests were late")
	}
	k.issuer.set(func(i *issuer) { delete(i.keys, "1") })
	f.eventually(bearer(tokenHost, "/", valid), 401, rotated)
}

// provide applies the host with the fields of its provider.
func (k *tokens) provide(fields string) {
	k.t.Helper()
	k.apply(`
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
`, tokenHost, fields)
}

// editNeighbor edits another host, and waits until that is served.
func (k *tokens) editNeighbor() {
	k.t.Helper()
	k.neighbors++
	k.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: neighbor}
spec:
  virtualhost: {fqdn: %s}
  routes: [{services: [{name: shop, port: 80}]}, {conditions: [{prefix: /%d}], directResponsePolicy: {statusCode: 204}}]
`, k.neighbor, k.neighbors)
	k.status(traffic.Request{Host: k.neighbor, Path: fmt.Sprint("/", k.neighbors)}, 204)
}

// closedWithoutKeys checks the answers while the issuer is away, or answers with something else, and never had keys.
func (k *tokens) closedWithoutKeys(valid string) {
	k.t.Helper()
	k.answered(bearer(tokenHost, "/public", ""), "shop")
	k.status(bearer(tokenHost, "/", valid), 503)
	k.editNeighbor()
	k.reported("Error", "RemoteJWKSNotFetched")
	asked := 0
	k.issuer.set(func(i *issuer) { i.away, i.wrong, asked = false, "<html>Sign in</html>", i.asked })
	k.wait("fetches of no keys", rotated, func() bool { return k.issuer.requests() > asked+1 })
	k.never(bearer(tokenHost, "/", valid), "wrong", 503)
	k.never(bearer(tokenHost, "/public", ""), "wrong", 200)
	k.editNeighbor()
}

// answersByToken waits for the keys, and checks the answers with them.
func (k *tokens) answersByToken(valid string) {
	k.t.Helper()
	k.issuer.set(func(i *issuer) { i.wrong = "" })
	k.eventually(bearer(tokenHost, "/", valid), 200, 2*refresh)
	k.status(bearer(tokenHost, "/", ""), 401)
	k.status(bearer(tokenHost, "/", k.issuer.token(k.t, "1", "shop", -time.Hour)), 401)
	k.status(bearer(tokenHost, "/", k.issuer.token(k.t, "1", "other", time.Hour)), 403)
	insecure := bearer(tokenHost, "/plain", valid)
	insecure.TLS = nil
	k.status(insecure, 200)
	insecure.Headers = nil
	k.status(insecure, 401)
	k.runSteps(scenario.Step{Name: "the object is valid", Objects: []scenario.Object{k.proxyStatus("valid")}})
}

func (k *tokens) equalKeysSendNothing() {
	k.t.Helper()
	sent, asked := k.sent(), k.issuer.requests()
	k.wait("a refresh", rotated, func() bool { return k.issuer.requests() > asked })
	if n := k.sent() - sent; n != 0 {
		k.t.Errorf("a fetch of equal keys sent %d resources", n)
	}
}

func (k *tokens) editsWhileAway() {
	k.t.Helper()
	k.issuer.set(func(i *issuer) { i.away = true })
	asked := k.issuer.requests()
	k.wait("failed fetches", rotated, func() bool { return k.issuer.requests() > asked+3 })
	for range 5 {
		k.editNeighbor()
	}
	k.reported("Warning", "RemoteJWKSNotFetched")
	k.provide(fmt.Sprintf(`audiences: [shop, more], remoteJWKS: {uri: %q, cacheDuration: 10s}`, k.issuer.uri))
	k.status(bearer(tokenHost, "/", k.issuer.token(k.t, "1", "more", time.Hour)), 200)
}

// editsWhileSlow edits the provider while the issuer takes longer than the timeout of 1 s.
func (k *tokens) editsWhileSlow(valid string) {
	k.t.Helper()
	k.issuer.set(func(i *issuer) { i.away, i.delay = false, 3*time.Second })
	for n, fields := range []string{
		fmt.Sprintf(`forwardJWT: true, remoteJWKS: {uri: %q, cacheDuration: 10s}`, k.issuer.uri),
		fmt.Sprintf(`remoteJWKS: {uri: "%s?other", cacheDuration: 10s}`, k.issuer.uri),
		fmt.Sprintf(`remoteJWKS: {uri: %q, cacheDuration: 10s, timeout: 10s}`, k.issuer.uri),
		fmt.Sprintf(`remoteJWKS: {uri: %q, cacheDuration: 11s, timeout: 10s, dnsLookupFamily: v4}`, k.issuer.uri),
	} {
		k.provide(fields)
		k.editNeighbor()
		k.status(bearer(tokenHost, "/", valid), 200)
		k.t.Logf("edit %d: %d requests for keys", n, k.issuer.requests())
	}
}

// answersWhileWrong checks the answers while the issuer answers with something else than keys, to a provider that has keys.
func (k *tokens) answersWhileWrong(valid string) {
	k.t.Helper()
	for _, document := range []string{"<html>Sign in</html>", `{"keys": []}`, `{"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB"}]}`} {
		asked := 0
		k.issuer.set(func(i *issuer) { i.wrong, asked = document, i.asked })
		k.wait("fetches of "+document, rotated, func() bool { return k.issuer.requests() > asked+1 })
		k.editNeighbor()
		k.never(bearer(tokenHost, "/", valid), "wrong", 200)
		k.never(bearer(tokenHost, "/", ""), "wrong", 401)
		k.never(bearer(tokenHost, "/public", ""), "wrong", 200)
	}
	k.issuer.set(func(i *issuer) { i.wrong = "" })
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
	if err := poll.Until(f.t.Context(), timeout, what, func(context.Context) (bool, string, error) { return done(), "", nil }); err != nil {
		f.t.Fatal(err)
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
