package certs

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"contour.example/contour/internal/xds/identity"
)

// The certificate of a fleet is signed by the authority, names its fleet only, and identifies no server and no CA.
func TestAuthority(t *testing.T) {
	t.Parallel()
	now, dir := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), t.TempDir()
	b, err := Generate(Options{Namespace: "projectcontour", LifetimeDays: 30, Authority: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.WritePEM(dir, Keep); err != nil {
		t.Fatal(err)
	}
	i := Issuer{CA: filepath.Join(dir, caFile), Cert: filepath.Join(dir, "fleetca.pem"), Key: filepath.Join(dir, "fleetcakey.pem"), Namespace: "projectcontour", LifetimeDays: 90}
	data, renew, err := i.Issue("gw/team/web", now)
	if err != nil {
		t.Fatal(err)
	}
	if want := now.AddDate(0, 0, 60); !renew.Equal(want) {
		t.Errorf("renewed at %s, want %s", renew, want)
	}
	last := now.AddDate(0, 0, authorityDays-30) // the authority ends before the 90 days do
	if _, renew, err := i.Issue("gw/team/web", last); err != nil || !renew.Equal(last.AddDate(0, 0, 20)) {
		t.Errorf("renewed at %s (%v), want %s", renew, err, last.AddDate(0, 0, 20))
	}
	block, _ := pem.Decode(data["tls.crt"])
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := identity.Fleet(cert); err != nil || f != "gw/team/web" {
		t.Errorf("the fleet is %q, %v", f, err)
	}
	if cert.IsCA || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("the certificate is a CA (%v), or for more than clients: %v", cert.IsCA, cert.ExtKeyUsage)
	}
	for name, row := range map[string]struct {
		ca []byte
		ok bool
	}{"the authority": {b.Authority.Cert, true}, "the CA of the controller": {b.CA, false}} {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(row.ca)
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if (err == nil) != row.ok {
			t.Errorf("verified by %s: %v", name, err)
		}
	}
	before, err := i.Authorities()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAuthority(Options{Namespace: "projectcontour", LifetimeDays: 30, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(i.Cert, other.Cert, 0o600); err != nil {
		t.Fatal(err)
	}
	if after, err := i.Authorities(); err != nil || after == before {
		t.Errorf("another authority is not noticed: %v", err)
	}
	if _, _, err := i.Issue("gw/team/web", now); err == nil {
		t.Error("a certificate is issued by an authority with the key of another one")
	}
}
