//go:build local

package e2e

import (
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/openid"
	"contour.example/harness/scenario"
)

// Tokens of a real OpenID provider, for which users log in: those for the audience are accepted, others are not; they work while the
// provider is away or hangs and others edit, and when it has a new key, only those of that one are.
func TestOpenID(t *testing.T) {
	f := newFixture(t, shared)
	provider, err := openid.Start(t.Context(), t.TempDir(), shared.Addresses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := provider.Stop(); err != nil {
			t.Error(err)
		}
	})
	token := func(client string) string {
		t.Helper()
		token, err := provider.Token(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	k := &tokens{fixture: f, neighbor: "openid-neighbor.example"}
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", openIDHost)
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: tokens}
spec:
  virtualhost:
    fqdn: %s
    tls: {secretName: cert}
    jwtProviders: [{name: p, default: true, issuer: %q, audiences: [%s], remoteJWKS: {uri: %q, cacheDuration: 10s}}]
  routes: [{services: [{name: shop, port: 80}]}]
`, openIDHost, provider.Issuer(), openid.Web, provider.KeysURI())
	valid, other := token(openid.Web), token(openid.API)
	f.eventually(bearer(openIDHost, "/", valid), 200, 2*refresh)
	f.status(bearer(openIDHost, "/", other), 403)
	f.status(bearer(openIDHost, "/", ""), 401)
	f.status(bearer(openIDHost, "/", valid[:len(valid)-5]+"AAAAA"), 401)

	r := bearer(openIDHost, "/", valid)
	r.Timeout = 2 * time.Second
	running := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: r, Rate: 50, Check: ok})
	must(provider.Hang())
	k.editNeighbor()
	f.status(bearer(openIDHost, "/", valid), 200)
	must(provider.Continue())
	must(provider.Stop())
	k.editNeighbor()
	f.reported("Warning", "RemoteJWKSNotFetched")
	k.editNeighbor()
	if report := running.Stop(); !report.Lossless(50) {
		t.Errorf("valid tokens were refused, or requests were late:\n%s", report)
	}

	must(provider.Resume(t.Context()))
	renewed := token(openid.Web)
	f.eventually(bearer(openIDHost, "/", renewed), 200, rotated)
	f.status(bearer(openIDHost, "/", valid), 401)
	f.runSteps(scenario.Step{Name: "the object is valid", Objects: []scenario.Object{f.proxyStatus("valid")}})
}

const openIDHost = "openid.example"
