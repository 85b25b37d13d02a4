package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
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

// An authority that cert-manager renews with the same key accepts what it has issued before, so that Envoys connect until they have others;
// with another key they would have to wait.
func TestAnAuthorityIsRenewedWithItsKey(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	keys := [2]*ecdsa.PrivateKey{}
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	// selfSigned is a CA as cert-manager makes it for `isCA: true`, at an age in days.
	selfSigned := func(key *ecdsa.PrivateKey, age int) KeyPair {
		ca := &x509.Certificate{
			SerialNumber: big.NewInt(int64(age) + 1), Subject: pkix.Name{CommonName: "contour-fleet-ca"}, BasicConstraintsValid: true, IsCA: true,
			KeyUsage:  x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
			NotBefore: now.AddDate(0, 0, age), NotAfter: now.AddDate(0, 0, age+authorityDays),
		}
		der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := encode(der, key)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	a, err := ReadAuthority(selfSigned(keys[0], 0), "projectcontour")
	if err != nil {
		t.Fatal(err)
	}
	issued, _, err := a.Issue("gw/team/web", 90, now)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(issued.Cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for i, ok := range []bool{true, false} {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(selfSigned(keys[i], 30).Cert)
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.AddDate(0, 0, 40), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if (err == nil) != ok {
			t.Errorf("a certificate of the former authority, with the key %d of the renewed one: %v", i, err)
		}
	}
}
