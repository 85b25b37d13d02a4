package pki_test

import (
	"crypto/x509"
	"testing"
	"time"

	"contour.example/harness/pki"
)

// A client of an intermediate CA is verified with the root alone, since its pair has the chain; its names may be URIs.
func TestIntermediate(t *testing.T) {
	t.Parallel()
	root, err := pki.New("root")
	if err != nil {
		t.Fatal(err)
	}
	middle, err := root.Intermediate("middle")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := middle.Issue(pki.Request{CommonName: "client", Names: []string{"spiffe://a.example/b"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pair.TLS()
	if err != nil || len(c.Certificate) != 2 {
		t.Fatalf("%d certificates, %v", len(c.Certificate), err)
	}
	between := x509.NewCertPool()
	_, err = c.Leaf.Verify(x509.VerifyOptions{Roots: root.Pool(), Intermediates: between})
	if err == nil {
		t.Error("verified without the intermediate CA")
	}
	if !between.AppendCertsFromPEM(middle.Cert) {
		t.Fatal("the certificate of the CA cannot be read")
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: root.Pool(), Intermediates: between}); err != nil {
		t.Error(err)
	}
	if len(c.Leaf.URIs) != 1 || c.Leaf.URIs[0].Host != "a.example" {
		t.Errorf("got URIs %v", c.Leaf.URIs)
	}
}

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
