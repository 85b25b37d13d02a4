//go:build local

package e2e

import (
	"encoding/base64"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/pki"
)

// revokingHosts are a host with revocation lists, one without lists, and one that does not validate its clients.
const revokingHosts = `
apiVersion: v1
kind: Secret
metadata: {name: authority}
data: {ca.crt: %s}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: closed}
spec:
  virtualhost: {fqdn: %s, tls: {secretName: cert, clientValidation: {caSecret: authority, crlSecret: lists, forwardClientCertificate: {subject: true}}}}
  routes: [{services: [{name: shop, port: 80}]}]
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: unlisted}
spec:
  virtualhost: {fqdn: revoking-nothing.example, tls: {secretName: cert-nothing, clientValidation: {caSecret: authority}}}
  routes: [{services: [{name: shop, port: 80}]}]
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: out}
spec:
  virtualhost: {fqdn: revoking-out.example, tls: {secretName: cert-out}}
  routes: [{services: [{name: shop, port: 80}]}]
`

// A host whose revocation lists are away, late or wrong serves no client, whatever its certificate; one that validates its clients without
// lists, and one that does not validate them, never notice. The host serves its clients within a second after its lists are right.
func TestRevocationListsUnderFaults(t *testing.T) {
	f := newFixture(t, shared)
	c := &clients{fixture: f, host: "revoking.example", former: f.authority("right"), next: f.authority("other")}
	good, bad := c.client(c.former, "good"), c.client(c.former, "bad")
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", c.host)
	f.certificate("cert-nothing", "revoking-nothing.example")
	f.certificate("cert-out", "revoking-out.example")
	f.apply(revokingHosts, base64.StdEncoding.EncodeToString(c.former.Cert), c.host)
	right := c.list(c.former, bad)
	late, err := c.former.RevokeUntil(time.Now().Add(-time.Minute), bad)
	if err != nil {
		t.Fatal(err)
	}
	c.revoke(right)
	c.serves(good, "good")
	c.refuses(bad)
	var neighbors []*load.Load
	for _, host := range []string{"revoking-nothing.example", "revoking-out.example"} {
		r := c.request(bad)
		r.Host, r.Timeout = host, 2*time.Second // later is a loss
		f.status(r, 200)
		neighbors = append(neighbors, load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: r, Rate: 300, Check: ok}))
	}
	for name, fault := range map[string]func(){
		"away": func() {
			if err := f.s.Kube.Delete(t.Context(), kube.Ref{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Secret"), Namespace: f.namespace, Name: "lists"}); err != nil {
				t.Fatal(err)
			}
		},
		"late":                  func() { c.revoke(late) },
		"no list":               func() { c.revoke([]byte("no list")) },
		"half a list":           func() { c.revoke(right[:len(right)/2]) },
		"a certificate":         func() { c.revoke(c.former.Cert) },
		"one of another issuer": func() { c.revoke(c.list(c.next)) },
		"one and half a list": func() {
			c.revoke(slices.Concat(right, []byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")))
		},
	} {
		fault()
		c.refuses(good)
		for range 3 {
			for _, shown := range [][]pki.Pair{{good}, {bad}, nil} {
				if a, err := f.s.Traffic.Do(t.Context(), c.request(shown...)); err == nil {
					t.Errorf("%s: a client is answered with %s", name, a)
				}
			}
		}
		c.revoke(right)
		f.eventually(c.request(good), 200, recovery)
		c.refuses(bad)
	}
	for _, l := range neighbors {
		if report := l.Stop(); !report.Lossless(100) {
			t.Errorf("another host:\n%s", report)
		}
	}
}

// revoke replaces the revocation lists of the hosts.
func (c *clients) revoke(lists []byte) {
	c.t.Helper()
	c.apply(`
apiVersion: v1
kind: Secret
metadata: {name: lists}
data: {crl.pem: %s}
`, base64.StdEncoding.EncodeToString(lists))
}
