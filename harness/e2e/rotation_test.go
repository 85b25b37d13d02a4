//go:build local

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

// When a certificate is renewed, new connections get the new one, those that are open go on, and
// Envoy is sent that one Secret and nothing else.
func TestCertificateRotation(t *testing.T) {
	f := newFixture(t, shared)
	const host = "rotation.example"
	f.service("shop", f.server("shop", "0"))
	pair := f.certificate("cert", host)
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: a}
spec:
  virtualhost: {fqdn: %s, tls: {secretName: cert}}
  routes: [{services: [{name: shop, port: 80}]}]
`, host)
	ask := traffic.Request{Host: host, TLS: &traffic.TLS{}}
	f.until(ask, presents(pair))
	open := f.s.Traffic.Transport(ask)
	defer open.CloseIdleConnections()
	first := f.over(open, ask)
	const rotations = 5
	before, sent := f.updates("sds."), f.sent()
	for range rotations {
		pair = f.certificate("cert", host)
		f.until(ask, presents(pair))
		if a := f.over(open, ask); !bytes.Equal(a.TLS.PeerCertificates[0].Raw, first.TLS.PeerCertificates[0].Raw) {
			t.Error("the open connection did not survive")
		}
	}
	if diff := cmp.Diff(before, f.updates("sds.")); diff != "" {
		t.Errorf("more than Secrets was updated (-before +after):\n%s", diff)
	}
	if got := f.sent() - sent; got != rotations {
		t.Errorf("%d rotations sent %d resources, want one each", rotations, got)
	}
}

// over sends a request over a connection that is open already, if there is one.
func (f *fixture) over(transport http.RoundTripper, ask traffic.Request) traffic.Answer {
	f.t.Helper()
	a, err := traffic.Do(f.t.Context(), transport, ask)
	if err != nil {
		f.t.Fatal(err)
	}
	if a.Status != http.StatusOK {
		f.t.Fatal(a)
	}
	return a
}

// presents says whether an answer came over a connection with the certificate.
func presents(pair pki.Pair) func(traffic.Answer) string {
	return func(a traffic.Answer) string {
		want, err := pair.TLS()
		if err != nil {
			return err.Error()
		}
		if got := a.TLS.PeerCertificates[0]; !got.Equal(want.Leaf) {
			return fmt.Sprintf("certificate number %s, want %s", got.SerialNumber, want.Leaf.SerialNumber)
		}
		if a.Status != http.StatusOK {
			return a.String()
		}
		return ""
	}
}
