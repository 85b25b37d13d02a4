package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/identity"
)

// issued is the time of issue in all tests.
func issued() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func options() Options {
	return Options{Namespace: "projectcontour", LifetimeDays: 365, Now: issued()}
}

func generate(t *testing.T) *Bundle {
	t.Helper()
	b, err := Generate(options())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, content []byte) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(content)
	if block == nil || len(rest) != 0 {
		t.Fatalf("not one PEM block: %q", content)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func pool(t *testing.T, content []byte) *x509.CertPool {
	t.Helper()
	p := x509.NewCertPool()
	p.AddCert(parse(t, content))
	return p
}

func TestGenerateServerCertificate(t *testing.T) {
	t.Parallel()
	b := generate(t)
	cert := parse(t, b.Contour.Cert)
	want := []string{"contour", "contour.projectcontour", "contour.projectcontour.svc", "contour.projectcontour.svc.cluster.local"}
	if diff := cmp.Diff(want, cert.DNSNames); diff != "" {
		t.Error(diff)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		verify(t, cert, x509.VerifyOptions{Roots: pool(t, b.CA), DNSName: "contour", KeyUsages: []x509.ExtKeyUsage{usage}})
	}
}

func TestGenerateClientCertificate(t *testing.T) {
	t.Parallel()
	b := generate(t)
	cert := parse(t, b.Envoy.Cert)
	o := x509.VerifyOptions{Roots: pool(t, b.CA), DNSName: "envoy.projectcontour.svc", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	verify(t, cert, o)
	o.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	o.CurrentTime = issued()
	if _, err := cert.Verify(o); err == nil {
		t.Error("an Envoy can pass for a controller")
	}
}

// verify checks at both ends of the lifetime, and that it ends there.
func verify(t *testing.T, cert *x509.Certificate, o x509.VerifyOptions) {
	t.Helper()
	end := issued().AddDate(0, 0, 365)
	for at, good := range map[time.Time]bool{
		issued().Add(-30 * time.Minute): true,
		issued():                        true,
		end:                             true,
		issued().Add(-2 * time.Hour):    false,
		end.Add(time.Second):            false,
	} {
		o.CurrentTime = at
		if _, err := cert.Verify(o); (err == nil) != good {
			t.Errorf("%v: got %v, want valid = %t", at, err, good)
		}
	}
}

func TestGenerateCA(t *testing.T) {
	t.Parallel()
	b := generate(t)
	ca := parse(t, b.CA)
	if !ca.IsCA || !ca.MaxPathLenZero || ca.KeyUsage != x509.KeyUsageCertSign {
		t.Errorf("IsCA %t, MaxPathLenZero %t, KeyUsage %v", ca.IsCA, ca.MaxPathLenZero, ca.KeyUsage)
	}
	if _, err := parse(t, generate(t).Envoy.Cert).Verify(x509.VerifyOptions{
		Roots: pool(t, b.CA), CurrentTime: issued(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err == nil {
		t.Error("the CA of one Bundle verifies a certificate of another")
	}
}

func TestGenerateKeys(t *testing.T) {
	t.Parallel()
	b := generate(t)
	for name, p := range map[string]KeyPair{"contour": b.Contour, "envoy": b.Envoy} {
		pair, err := tls.X509KeyPair(p.Cert, p.Key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if key, ok := pair.PrivateKey.(*ecdsa.PrivateKey); !ok || key.Params().BitSize != 256 {
			t.Errorf("%s: key is %T", name, pair.PrivateKey)
		}
	}
	if bytes.Equal(b.Contour.Key, b.Envoy.Key) || bytes.Equal(b.Envoy.Key, generate(t).Envoy.Key) {
		t.Error("a key is not unique")
	}
}

func TestGenerateRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit func(*Options)
		want string
	}{
		"no namespace":     {func(o *Options) { o.Namespace = "" }, `namespace ""`},
		"bad namespace":    {func(o *Options) { o.Namespace = "a.b" }, `namespace "a.b"`},
		"no lifetime":      {func(o *Options) { o.LifetimeDays = 0 }, "lifetime of 0 days"},
		"negative":         {func(o *Options) { o.LifetimeDays = -1 }, "lifetime of -1 days"},
		"beyond a century": {func(o *Options) { o.LifetimeDays = 36501 }, "want 1 to 36500"},
		"overflow":         {func(o *Options) { o.LifetimeDays = 1 << 62 }, "lifetime of"},
		"bad fleet":        {func(o *Options) { o.Fleets = []string{"a/b"} }, `fleet "a/b"`},
		"default fleet":    {func(o *Options) { o.Fleets = []string{"default"} }, `fleet "default"`},
		"a fleet twice":    {func(o *Options) { o.Fleets = []string{"a", "a"} }, "given twice"},
		"no time":          {func(o *Options) { o.Now = time.Time{} }, "time of issue"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options()
			tt.edit(&o)
			if _, err := Generate(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// Each fleet has a certificate that names it; what is made without fleets names none.
func TestGenerateForFleets(t *testing.T) {
	t.Parallel()
	o := options()
	o.Fleets = []string{"blue", "green"}
	b, err := Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[ir.Fleet]KeyPair{ir.DefaultFleet: b.Envoy}
	for _, f := range b.Fleets {
		pairs[ir.Fleet(f.Fleet)] = f.KeyPair
	}
	if len(pairs) != 3 {
		t.Errorf("there are certificates for %d fleets", len(pairs))
	}
	for fleet, p := range pairs {
		cert := parse(t, p.Cert)
		verify(t, cert, x509.VerifyOptions{Roots: pool(t, b.CA), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if got, err := identity.Fleet(cert); got != fleet || err != nil {
			t.Errorf("the certificate of %s is one of %q: %v", fleet, got, err)
		}
	}
	if uris := parse(t, b.Envoy.Cert).URIs; len(uris) > 0 {
		t.Errorf("the certificate of the default fleet has the URIs %v", uris)
	}
}
