package ref

import (
	"encoding/asn1"
	"math/big"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// pkcs1 is an RSA private key in DER with a modulus of that many bits, which is no product of primes.
func pkcs1(t *testing.T, bits uint) []byte {
	t.Helper()
	n := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), bits), big.NewInt(1))
	der, err := asn1.Marshal(struct {
		Version                int
		N, E, D, P, Q, X, Y, Z *big.Int
	}{0, n, big.NewInt(65537), n, n, n, n, n, n})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// pkcs8 is an RSA private key by PKCS #8.
func pkcs8(t *testing.T, bits uint) []byte {
	t.Helper()
	algorithm := struct {
		ID         asn1.ObjectIdentifier
		Parameters asn1.RawValue
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, asn1.NullRawValue}
	der, err := asn1.Marshal(struct {
		Version   int
		Algorithm any
		Key       []byte
	}{0, algorithm, pkcs1(t, bits)})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// An RSA key of more than 4,096 bits is refused by the length of its modulus, before anything calculates with it.
func TestLargeKeysAreRefusedUnread(t *testing.T) {
	fx := newFixture(t)
	cert, _ := pair(t, "a.example", ecdsaKey(t))
	for name, c := range map[string]struct {
		typ  string
		key  []byte
		want string
	}{
		"pkcs1":   {"RSA PRIVATE KEY", pkcs1(t, 4097), "has an RSA key of 4097 bits; at most 4096 are supported"},
		"pkcs8":   {"PRIVATE KEY", pkcs8(t, 16384), "has an RSA key of 16384 bits; at most"},
		"huge":    {"PRIVATE KEY", pkcs8(t, 786_432), "has an RSA key of 786432 bits; at most"},
		"weak":    {"RSA PRIVATE KEY", pkcs1(t, 1024), "has an RSA key of 1024 bits; Envoy requires at least 2048"},
		"strange": {"EC PRIVATE KEY", make([]byte, maxPrivateKey+1), "has a private key of 4097 bytes; at most 4096"},
	} {
		fx.secret(name, corev1.SecretTypeTLS, map[string][]byte{"tls.crt": cert, "tls.key": pemOf(c.typ, c.key)})
		if f := fx.serving("ns", name); f == nil || f.Problem != Invalid || !strings.Contains(f.Message, c.want) {
			t.Errorf("%s: got %+v, want %q", name, f, c.want)
		}
		data := pemOf(c.typ, c.key)
		if got, most := bytesAllocated(func() { privateKeyProblem(data) }), uint64(8*len(data)+4096); got > most {
			t.Errorf("%s: %d bytes are allocated for a key of %d", name, got, len(data))
		}
	}
	cert, key := pair(t, "b.example", rsaKey(t, 4096))
	fx.secret("largest", corev1.SecretTypeTLS, map[string][]byte{"tls.crt": cert, "tls.key": key})
	if f := fx.serving("ns", "largest"); f != nil {
		t.Errorf("a key of 4096 bits: %s", f.Message)
	}
}

// bytesAllocated is how many bytes f allocates, freed or not.
func bytesAllocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// No text makes the size of a key anything but a size.
func FuzzModulusBits(f *testing.F) {
	f.Add([]byte{0x30, 0x06, 2, 1, 0, 2, 1, 1})
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, der []byte) {
		if n := modulusBits(der); n < 0 || n > 8*len(der) {
			t.Errorf("%d bits in %d bytes", n, len(der))
		}
	})
}

// A Service and the delegations of a namespace are read once for all references to them, however large they are.
func TestReferencesAreReadOnce(t *testing.T) {
	fx := newFixture(t)
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"}}
	svc.Annotations = map[string]string{"projectcontour.io/upstream-protocol.h2": strings.Repeat("x,", 100_000) + "7"}
	d := &contourv1.TLSCertificateDelegation{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "d"}}
	for i := range 1000 {
		svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Port: int32(i)})
		d.Spec.Delegations = append(d.Spec.Delegations, contourv1.CertificateDelegation{SecretName: "a", TargetNamespaces: []string{"b"}})
	}
	fx.store.Apply([]store.Change{
		{Key: kobj.Of(kobj.Service, "ns", "s"), Object: svc}, {Key: kobj.Of(kobj.TLSCertificateDelegation, "ns", "d"), Object: d},
	})
	before := fx.engine.Runs()
	protocol := derive(fx, func(r *memo.Reader) ir.Protocol {
		for i := range 1000 {
			_, _ = fx.ref.Service(r, kobj.Name{Namespace: "ns", Name: "s"}, int32(i))
			_, _ = fx.ref.ServingSecret(r, "c", kobj.Name{Namespace: "ns", Name: "a"})
		}
		p, _ := fx.ref.Service(r, kobj.Name{Namespace: "ns", Name: "s"}, 7)
		return p.Protocol
	})
	if runs := fx.engine.Runs() - before; runs != 3 || protocol != ir.ProtocolH2 {
		t.Errorf("%d derivations for 2000 references, want those of the Service, the delegations and the reader; protocol %v", runs, protocol)
	}
}
