package translate

import (
	"slices"
	"testing"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// authorities returns a secret with authorities, and with revocation lists if crl is not empty.
func authorities(name, crl string) *table.Resource {
	k := secretKey{ca: true, name: kobj.Name{Namespace: "app", Name: name}}
	if crl == "" {
		return validationContext(k, []byte("bundle"), nil)
	}
	k.crl = kobj.Name{Namespace: "app", Name: crl}
	return validationContext(k, []byte("bundle"), []byte("lists"))
}

// A new list of revoked certificates is one new secret, however many hosts use it: no listener changes.
func TestANewRevocationListIsOneSecret(t *testing.T) {
	t.Parallel()
	fx := newFixture()
	name := func(s string) kobj.Name { return kobj.Name{Namespace: "app", Name: s} }
	fx.secrets.Set(name("ca"), pair{chain: "authorities"})
	fx.secrets.Set(name("crl"), pair{chain: "lists"})
	for _, hostname := range []string{"a.example.com", "b.example.com"} {
		host := httpsHost(hostname)
		host.TLS.Clients = ir.ClientValidation{Certificates: ir.RequiredClientCertificates, CA: name("ca"), CRL: name("crl")}
		fx.set(host)
	}
	secret := "set " + table.Ref{Type: table.Secret, Name: validationName(secretKey{ca: true, name: name("ca"), crl: name("crl")})}.String()
	if _, changed := fx.run(); !slices.Contains(changed, secret) {
		t.Errorf("%q is not among %q", secret, changed)
	}
	fx.secrets.Set(name("crl"), pair{chain: "other lists"})
	if _, changed := fx.run(); !slices.Equal(changed, []string{secret}) {
		t.Errorf("changed %q, want %q", changed, secret)
	}
	fx.secrets.Delete(name("crl"))
	if _, changed := fx.run(); len(changed) != 1 || changed[0] == secret {
		t.Errorf("without its lists %q changes, want the secret removed: authorities alone would validate less", changed)
	}
}
