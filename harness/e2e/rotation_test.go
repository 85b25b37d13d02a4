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

// When a certificate is renewed, new connections use the new one, open connections stay open, and
// Envoy receives that one Secret and nothing else.
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
	request := traffic.Request{Host: host, TLS: &traffic.TLS{}}
	f.until(request, presents(pair))
	open := f.s.Traffic.Transport(request)
	defer open.CloseIdleConnections()
	first := f.over(open, request)
	const rotations = 5
	before, sent := f.updates("sds."), f.sent()
	for range rotations {
		pair = f.certificate("cert", host)
		f.until(request, presents(pair))
		if a := f.over(open, request); !bytes.Equal(a.TLS.PeerCertificates[0].Raw, first.TLS.PeerCertificates[0].Raw) {
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

// over sends a request over an open connection, if there is one.
func (f *fixture) over(transport http.RoundTripper, request traffic.Request) traffic.Answer {
	f.t.Helper()
	a, err := traffic.Do(f.t.Context(), transport, request)
	if err != nil {
		f.t.Fatal(err)
	}
	if a.Status != http.StatusOK {
		f.t.Fatal(a)
	}
	return a
}

// presents reports whether an answer was received over a connection with the certificate.
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
