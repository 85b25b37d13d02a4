package ref

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// fixture runs lookups in a derivation, as compile does.
type fixture struct {
	engine *memo.Engine
	store  *store.Store
	ref    *Resolver
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	e := memo.New(func(f memo.Fault) { t.Errorf("fault: %+v", f) })
	s := store.New(e, config.Default())
	return &fixture{engine: e, store: s, ref: New(e, s)}
}

func derive[V any](fx *fixture, f func(*memo.Reader) V) (out V) {
	tab := memo.NewTable(fx.engine, memo.Options[int, int]{
		Name: "test", Equal: func(a, b int) bool { return a == b },
		Derive: func(r *memo.Reader, _ int) int { out = f(r); return 0 },
	})
	tab.Demand(0)
	fx.engine.Run()
	tab.Release(0)
	return out
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func ecdsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	return ecdsaKeyOn(t, elliptic.P256())
}

func ecdsaKeyOn(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t *testing.T, bits int) crypto.Signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// pair returns a self-signed certificate for the key, and the key.
func pair(t *testing.T, name string, key crypto.Signer) (cert, keyPEM []byte) {
	t.Helper()
	return pairFor(t, name, key, 0)
}

// pairFor is pair with a key usage.
func pairFor(t *testing.T, name string, key crypto.Signer, usage x509.KeyUsage) (cert, keyPEM []byte) {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), KeyUsage: usage}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", k)
}

func (fx *fixture) secret(name string, typ corev1.SecretType, data map[string][]byte) {
	fx.store.Apply([]store.Change{{Key: kobj.Of(kobj.Secret, "ns", name), Object: &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Type: typ, Data: data,
	}}})
}

func (fx *fixture) serving(from, name string) *Failure {
	return derive(fx, func(r *memo.Reader) *Failure {
		_, f := fx.ref.ServingSecret(r, from, kobj.Name{Namespace: "ns", Name: name})
		return f
	})
}

func TestServingSecretAcceptsWhatEnvoyAccepts(t *testing.T) {
	fx := newFixture(t)
	cert, key := pair(t, "a.example", ecdsaKey(t))
	other, _ := pair(t, "b.example", ecdsaKey(t))
	nameless, namelessKey := pair(t, "", ecdsaKey(t))
	weak, weakKey := pair(t, "weak.example", rsaKey(t, 1024))
	p224, p224Key := pair(t, "p224.example", ecdsaKeyOn(t, elliptic.P224()))
	p521, p521Key := pair(t, "p521.example", ecdsaKeyOn(t, elliptic.P521()))
	signing, signingKey := pairFor(t, "signing.example", ecdsaKey(t), x509.KeyUsageCertSign)
	headers := bytes.Replace(cert, []byte("CERTIFICATE-----\n"), []byte("CERTIFICATE-----\nX: y\n\n"), 1)
	both := func(c, k []byte) map[string][]byte { return map[string][]byte{"tls.crt": c, "tls.key": k} }
	for _, c := range []struct {
		name string
		typ  corev1.SecretType
		data map[string][]byte
		want string // part of the message; "" accepts
	}{
		{"good", corev1.SecretTypeTLS, both(cert, key), ""},
		{"opaque", corev1.SecretTypeOpaque, both(cert, key), ""},
		{"parameters", corev1.SecretTypeTLS, both(cert, append(pemOf("EC PARAMETERS", []byte{6, 0}), key...)), ""},
		{"wrong-type", "helm.sh/release.v1", both(cert, key), "is of type"},
		{"no-key", corev1.SecretTypeTLS, both(cert, nil), "has no tls.key"},
		{"two-keys", corev1.SecretTypeTLS, both(cert, append(key, key...)), "2 private keys"},
		{"mismatch", corev1.SecretTypeTLS, both(other, key), "cannot be used together"},
		{"garbage", corev1.SecretTypeTLS, both([]byte("x"), key), "cannot be used together"},
		{"nameless", corev1.SecretTypeTLS, both(nameless, namelessKey), "without a common name"},
		{"chain", corev1.SecretTypeTLS, both(slices.Concat([]byte("subject: a\n"), cert, other, []byte("end\n")), key), ""},
		{"key-in-chain", corev1.SecretTypeTLS, both(slices.Concat(cert, key), key), ""},
		{"garbage-in-chain", corev1.SecretTypeTLS, both(slices.Concat(cert, pemOf("CERTIFICATE", []byte("x"))), key), "does not parse"},
		{"half-a-chain", corev1.SecretTypeTLS, both(slices.Concat(cert, []byte("-----BEGIN CERTIFICATE-----\nMII")), key), "not complete"},
		{"headers", corev1.SecretTypeTLS, both(headers, key), "PEM headers"},
		{"p224", corev1.SecretTypeTLS, both(p224, p224Key), "P-224"},
		{"p521", corev1.SecretTypeTLS, both(p521, p521Key), ""},
		{"signing", corev1.SecretTypeTLS, both(signing, signingKey), "digital signatures"},
		{"weak", corev1.SecretTypeTLS, both(weak, weakKey), "1024 bits"},
	} {
		fx.secret(c.name, c.typ, c.data)
		f := fx.serving("ns", c.name)
		switch {
		case c.want == "" && f != nil:
			t.Errorf("%s: rejected: %s", c.name, f.Message)
		case c.want != "" && (f == nil || f.Problem != Invalid || !strings.Contains(f.Message, c.want)):
			t.Errorf("%s: got %+v, want %q", c.name, f, c.want)
		}
	}
	if f := fx.serving("ns", "absent"); f == nil || f.Problem != NotFound {
		t.Errorf("absent: %+v", f)
	}
}

func TestCASecretAcceptsWhatEnvoyAccepts(t *testing.T) {
	fx := newFixture(t)
	ca, key := pair(t, "ca.example", ecdsaKey(t))
	for name, c := range map[string]struct {
		data []byte
		want string // part of the message; "" accepts
	}{
		"one":     {ca, ""},
		"two":     {slices.Concat([]byte("subject: a\n"), ca, ca), ""},
		"none":    {nil, "has no ca.crt"},
		"text":    {[]byte("x"), "has no certificate"},
		"key":     {slices.Concat(ca, key), "a block of type"},
		"garbage": {slices.Concat(ca, pemOf("CERTIFICATE", []byte("x"))), "does not parse"},
		"half":    {slices.Concat(ca, []byte("-----BEGIN CERTIFICATE-----\nMII")), "not complete"},
	} {
		fx.secret(name, corev1.SecretTypeOpaque, map[string][]byte{"ca.crt": c.data})
		f := derive(fx, func(r *memo.Reader) *Failure { return fx.ref.CASecret(r, "ns", kobj.Name{Namespace: "ns", Name: name}) })
		switch {
		case c.want == "" && f != nil:
			t.Errorf("%s: rejected: %s", name, f.Message)
		case c.want != "" && (f == nil || f.Problem != Invalid || !strings.Contains(f.Message, c.want)):
			t.Errorf("%s: got %+v, want %q", name, f, c.want)
		}
	}
}

func TestDelegationIsNeededAcrossNamespaces(t *testing.T) {
	fx := newFixture(t)
	cert, key := pair(t, "a.example", ecdsaKey(t))
	fx.secret("s", corev1.SecretTypeTLS, map[string][]byte{"tls.crt": cert, "tls.key": key})
	if f := fx.serving("other", "s"); f == nil || f.Problem != NotPermitted {
		t.Fatalf("without a delegation: %+v", f)
	}
	for _, c := range []struct {
		targets []string
		allowed bool
	}{
		{[]string{"other"}, true}, {[]string{"*"}, true}, {[]string{"third"}, false}, {[]string{"*", "third"}, false}, {nil, false},
	} {
		d := &contourv1.TLSCertificateDelegation{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "d"}}
		d.Spec.Delegations = []contourv1.CertificateDelegation{{SecretName: "s", TargetNamespaces: c.targets}}
		fx.store.Apply([]store.Change{{Key: kobj.Of(kobj.TLSCertificateDelegation, "ns", "d"), Object: d}})
		if f := fx.serving("other", "s"); (f == nil) != c.allowed {
			t.Errorf("targets %q: %+v", c.targets, f)
		}
	}
}

func TestRotationDoesNotRunDerivationsThatUseTheSecret(t *testing.T) {
	fx := newFixture(t)
	cert, key := pair(t, "a.example", ecdsaKey(t))
	fx.secret("s", corev1.SecretTypeTLS, map[string][]byte{"tls.crt": cert, "tls.key": key})
	runs := 0
	user := memo.NewTable(fx.engine, memo.Options[int, bool]{
		Name: "user", Equal: func(a, b bool) bool { return a == b },
		Derive: func(r *memo.Reader, _ int) bool {
			runs++
			_, f := fx.ref.ServingSecret(r, "ns", kobj.Name{Namespace: "ns", Name: "s"})
			return f == nil
		},
	})
	user.Demand(0)
	fx.engine.Run()
	cert, key = pair(t, "a.example", ecdsaKey(t))
	fx.secret("s", corev1.SecretTypeTLS, map[string][]byte{"tls.crt": cert, "tls.key": key})
	fx.engine.Run()
	if runs != 1 {
		t.Errorf("a rotation ran the derivation that uses the Secret %d times", runs-1)
	}
	fx.secret("s", corev1.SecretTypeTLS, nil)
	fx.engine.Run()
	if ok, _ := user.Peek(0); runs != 2 || ok {
		t.Errorf("a Secret that became invalid: %d runs, usable %t", runs, ok)
	}
}

func TestServicePort(t *testing.T) {
	fx := newFixture(t)
	h2c, odd := "kubernetes.io/h2c", "example.com/odd"
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s", Annotations: map[string]string{
		"projectcontour.io/upstream-protocol.tls": "8443, secure, 82,twice", "projectcontour.io/upstream-protocol.h2c": "82, 83,named",
		"projectcontour.io/upstream-protocol.h2": "82,83, 84,81,twice", "projectcontour.io/max-requests": "7", "projectcontour.io/max-retries": "many",
	}}}
	svc.Spec.Ports = []corev1.ServicePort{
		{Name: "web", Port: 80},
		{Name: "grpc", Port: 81, AppProtocol: &h2c},
		{Name: "secure", Port: 444},
		{Name: "odd", Port: 8443, AppProtocol: &odd},
		{Name: "all", Port: 82},
		{Name: "two", Port: 83},
		{Name: "named", Port: 84},
		{Name: "twice", Port: 85},
		{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
	}
	fx.store.Apply([]store.Change{{Key: kobj.Of(kobj.Service, "ns", "s"), Object: svc}})
	for port, want := range map[int32]ir.Protocol{
		80: ir.ProtocolHTTP1, 81: ir.ProtocolH2C, 444: ir.ProtocolTLS, 8443: ir.ProtocolHTTP1,
		82: ir.ProtocolTLS, 83: ir.ProtocolH2C, 84: ir.ProtocolH2C, 85: ir.ProtocolTLS,
	} {
		got := derive(fx, func(r *memo.Reader) ServicePort {
			p, f := fx.ref.Service(r, kobj.Name{Namespace: "ns", Name: "s"}, port)
			if f != nil {
				t.Errorf("port %d: %s", port, f.Message)
			}
			return p
		})
		if got.Protocol != want {
			t.Errorf("port %d: %+v", port, got)
		}
	}
	for name, want := range map[string]ir.CircuitBreakers{"s": {MaxRequests: 7}, "absent": {}} {
		got := derive(fx, func(r *memo.Reader) ir.CircuitBreakers {
			return fx.ref.CircuitBreakers(r, kobj.Name{Namespace: "ns", Name: name})
		})
		if got != want {
			t.Errorf("circuit breakers of Service %s: %+v, want %+v", name, got, want)
		}
	}
	for _, port := range []int32{53, 99, 0} {
		f := derive(fx, func(r *memo.Reader) *Failure {
			_, f := fx.ref.Service(r, kobj.Name{Namespace: "ns", Name: "s"}, port)
			return f
		})
		if f == nil || f.Problem != NotFound {
			t.Errorf("port %d: %+v", port, f)
		}
	}
}
