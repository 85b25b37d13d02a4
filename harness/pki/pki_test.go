package pki_test

import (
	"crypto/x509"
	"testing"
	"time"

	"contour.example/harness/pki"
)

func TestIssuedCertificatesVerify(t *testing.T) {
	t.Parallel()
	ca, err := pki.New("test CA")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		request pki.Request
		valid   bool
	}{
		{"current", pki.Request{CommonName: "a", Names: []string{"a.example", "127.0.0.1"}}, true},
		{"expired", pki.Request{CommonName: "a", Names: []string{"a.example", "127.0.0.1"}, NotAfter: time.Now().Add(-time.Minute)}, false},
	} {
		pair, err := ca.Issue(c.request)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.request.Names {
			_, err = cert.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: ca.Pool()})
			if got := err == nil; got != c.valid {
				t.Errorf("%s for %s: valid %v (%v), want %v", c.name, name, got, err, c.valid)
			}
		}
	}
}
