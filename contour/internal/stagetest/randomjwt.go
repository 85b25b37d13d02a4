package stagetest

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
)

// exampleKey is the public key of RFC 7517, appendix A.1.
const exampleKey = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"}`

// jwtProviders returns up to three providers or none.
func (g *Random) jwtProviders() []contourv1.JWTProvider {
	if !g.oneIn(6) {
		return nil
	}
	var out []contourv1.JWTProvider
	for _, name := range mostly(g, []texts{{"p"}, {"p", "q"}, {"q"}}, texts{"p", "p"}, texts{""}, texts{"p", "q", "\xff"}) {
		p := contourv1.JWTProvider{
			Name: name, Default: g.oneIn(3), ForwardJWT: g.oneIn(2),
			Issuer: mostly(g, texts{"", "https://issuer.example.org"}, "\x00"), Audiences: mostly(g, []texts{nil, {"a"}, {"a", "b"}}, texts{""}),
		}
		if !g.oneIn(30) {
			p.LocalJWKS = &contourv1.LocalJWKS{SecretName: g.name("secret"), Key: mostly(g, texts{"keys"}, "", "tls.crt")}
		}
		if g.oneIn(8) {
			p.LocalJWKS, p.RemoteJWKS = pick(g, nil, nil, p.LocalJWKS), g.remoteJWKS()
		}
		out = append(out, p)
	}
	return out
}

func (g *Random) remoteJWKS() *contourv1.RemoteJWKS {
	r := &contourv1.RemoteJWKS{
		URI:     mostly(g, texts{"https://issuer.example.org/keys", "http://issuer.example.org:8080/keys?a=b"}, "", "ftp://a", "https://", "https://a:0/", "https://u:p@a/", "://"),
		Timeout: mostly(g, texts{"", "1s", "10s"}, "0", "-1s", "x"), CacheDuration: mostly(g, texts{"", "1h"}, "0s", "x"), DNSLookupFamily: mostly(g, texts{"", "auto", "v4", "v6"}, "v5"),
	}
	if g.oneIn(4) {
		r.UpstreamValidation = &contourv1.UpstreamValidation{CACertificate: mostly(g, texts{g.name("secret")}, "b/"+g.name("secret")), SubjectName: mostly(g, texts{"a"}, "")}
	}
	return r
}

func (g *Random) jwtPolicy() *contourv1.JWTVerificationPolicy {
	if !g.oneIn(6) {
		return nil
	}
	return mostly(g, []*contourv1.JWTVerificationPolicy{{Require: "p"}, {Require: "q"}, {Disabled: true}, {}}, &contourv1.JWTVerificationPolicy{Require: "p", Disabled: true}, &contourv1.JWTVerificationPolicy{Require: "other"})
}

// addKeys makes a Secret one with a key set.
func (g *Random) addKeys(s *corev1.Secret) {
	s.Type = corev1.SecretTypeOpaque
	s.Data["keys"] = []byte(mostly(g, texts{`{"keys":[` + exampleKey + `]}`}, `{"keys":[]}`, `{"keys":1}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
}

// KeySets returns random outcomes of fetches for the JWT providers of all roots.
func (g *Random) KeySets() map[jwks.Owner]jwks.KeySet {
	out := map[jwks.Owner]jwks.KeySet{}
	keys, _ := jwks.Parse([]byte(`{"keys":[`+exampleKey+`]}`), jwks.Options{})
	for _, k := range slices.SortedFunc(maps.Keys(g.objects), kobj.Key.Compare) {
		if k.Kind != kobj.HTTPProxy {
			continue
		}
		for _, name := range []string{"p", "q"} {
			out[jwks.Owner{Proxy: k.Name, Provider: name}] = pick(g, jwks.KeySet{Keys: keys}, jwks.KeySet{}, jwks.KeySet{Failure: jwks.TooSlow}, jwks.KeySet{Keys: keys, Failure: jwks.TooSlow})
		}
	}
	return out
}
