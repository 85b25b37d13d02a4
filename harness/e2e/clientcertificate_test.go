//go:build local

package e2e

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/load"
	"contour.example/harness/pki"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

// Authorities and revocation lists are rotated under load: no request fails, Envoy receives Secrets only, and each list and
// authority applies to new connections. Without its authority a host serves nobody, and recovers with it.
func TestClientAuthoritiesRotate(t *testing.T) {
	// Not parallel: it counts the updates of all tests.
	f := newFixture(t, shared)
	c := &clients{fixture: f, host: "mutual.example", former: f.authority("former"), next: f.authority("next")}
	good, bad, newcomer := c.client(c.former, "good"), c.client(c.former, "bad"), c.client(c.next, "newcomer")
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", c.host)
	c.trust(c.former.Cert, c.list(c.former))
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: a}
spec:
  virtualhost: {fqdn: %s, tls: {secretName: cert, clientValidation: {caSecret: clients, crlSecret: clients, forwardClientCertificate: {subject: true}}}}
  routes: [{services: [{name: shop, port: 80}]}]
`, c.host)
	c.serves(good, "good")
	c.serves(bad, "bad")
	c.refuses(newcomer)
	c.refuses()
	request := c.request(good)
	request.Timeout = 2 * time.Second // later is a loss
	l := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: request, Rate: 300, Check: ok})
	before := f.updates("sds.")
	both := slices.Concat(c.former.Cert, c.next.Cert)
	const rotations = 25
	for range rotations {
		c.trust(both, c.list(c.former, bad), c.list(c.next))
		c.refuses(bad)
		c.serves(newcomer, "newcomer")
		c.trust(c.former.Cert, c.list(c.former))
		c.serves(bad, "bad")
		c.refuses(newcomer)
	}
	if diff := cmp.Diff(before, f.updates("sds.")); diff != "" {
		t.Errorf("more than Secrets was updated (-before +after):\n%s", diff)
	}
	if report := l.Stop(); !report.Lossless(100) {
		t.Errorf("requests were lost:\n%s", report)
	}
	c.trust([]byte("no certificate"), c.list(c.former))
	c.refuses(good)
	c.trust(c.former.Cert, c.list(c.former))
	c.serves(good, "good")
}

// clients is a host that validates clients.
type clients struct {
	*fixture
	host         string
	former, next *pki.CA
}

func (f *fixture) authority(name string) *pki.CA {
	f.t.Helper()
	ca, err := pki.New(name)
	if err != nil {
		f.t.Fatal(err)
	}
	return ca
}

// client returns a certificate of the authority.
func (c *clients) client(by *pki.CA, name string) pki.Pair {
	c.t.Helper()
	pair, err := by.Issue(pki.Request{CommonName: name})
	if err != nil {
		c.t.Fatal(err)
	}
	return pair
}

// list returns the revocation list of an authority.
func (c *clients) list(by *pki.CA, revoked ...pki.Pair) []byte {
	c.t.Helper()
	list, err := by.Revoke(revoked...)
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// trust replaces the authorities and the revocation lists of the host.
func (c *clients) trust(authorities []byte, lists ...[]byte) {
	c.t.Helper()
	c.apply(`
apiVersion: v1
kind: Secret
metadata: {name: clients}
data: {ca.crt: %s, crl.pem: %s}
`, base64.StdEncoding.EncodeToString(authorities), base64.StdEncoding.EncodeToString(slices.Concat(lists...)))
}

func (c *clients) request(shown ...pki.Pair) traffic.Request {
	c.t.Helper()
	request := traffic.Request{Host: c.host, TLS: &traffic.TLS{}}
	for _, p := range shown {
		pair, err := p.TLS()
		if err != nil {
			c.t.Fatal(err)
		}
		request.TLS.Certificates = []tls.Certificate{pair}
	}
	return request
}

// serves waits until the client is served, over new connections, and the backend learns its name.
func (c *clients) serves(client pki.Pair, name string) {
	c.t.Helper()
	c.until(c.request(client), func(a traffic.Answer) string {
		if a.Backend() != "shop" {
			return a.String()
		}
		if got := a.Echo.Headers.Get("X-Forwarded-Client-Cert"); !strings.Contains(got, fmt.Sprintf(`Subject="CN=%s"`, name)) {
			return "the backend receives " + got
		}
		return ""
	})
}

// refuses waits until new connections of the client, or without a certificate, are refused.
func (c *clients) refuses(shown ...pki.Pair) {
	c.t.Helper()
	request := c.request(shown...)
	err := poll.Until(c.t.Context(), seen, "refusal of a client", func(ctx context.Context) (bool, string, error) {
		a, err := c.s.Traffic.Do(ctx, request)
		return err != nil, a.String(), nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}
