package httpproxy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"contour.example/conformance/suite"
)

func tokens() []suite.Test {
	return []suite.Test{{
		Name:         "httpproxy/jwt",
		Sentence:     "Routes are reached with a valid token of the provider that they require, and with no other; the keys rotate with their Secret.",
		Features:     extended(jwtVerification),
		Backends:     backends("shop"),
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"b.${DOMAIN}"}}},
		Run:          verifiesTokens,
	}, {
		Name:         "httpproxy/jwt-fetched-keys",
		Sentence:     "The keys of a provider are fetched from a server in time, again when they are old, and only from a server whose certificate satisfies the validation.",
		Features:     extended(jwtVerification),
		Backends:     []suite.Backend{{Name: "shop"}, {Name: "plain"}, {Name: "secure", Port: 443, TLS: "keys.${DOMAIN}"}},
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"b.${DOMAIN}"}}},
		Run:          fetchesKeys,
	}}
}

// fetchesKeys uses keys that are in the URLs of the manifest, which a backend answers.
func fetchesKeys(t *suite.T) {
	get := func(provider, key string, checks ...suite.Check) {
		token := newSeededKey(t, key).token(t, "https://"+provider+".example", time.Hour)
		t.Send(suite.Request{URL: "https://b.${DOMAIN}/" + provider, Headers: map[string]string{"Authorization": "Bearer " + token}}, checks...)
	}
	for _, provider := range []string{"plain", "patient", "verified", "either"} {
		get(provider, "one", suite.From("shop"))
		get(provider, "two", suite.Status(http.StatusUnauthorized))
	}
	get("late", "one", suite.Error)
	get("stranger", "one", suite.Error)
	get("rotated", "two", suite.From("shop"))
	get("rotated", "one", suite.Status(http.StatusUnauthorized))
}

func verifiesTokens(t *suite.T) {
	key, stranger, next := newTokenKey(t), newTokenKey(t), newTokenKey(t)
	t.Apply(key.secret())
	get := func(path, token string, checks ...suite.Check) {
		r := suite.Request{URL: "https://b.${DOMAIN}" + path, Headers: map[string]string{}}
		if token != "" {
			r.Headers["Authorization"] = "Bearer " + token
		}
		t.Send(r, checks...)
	}
	refused := suite.Status(http.StatusUnauthorized)
	one, two := key.token(t, "https://one.example", "shop", time.Hour), key.token(t, "https://two.example", "other", time.Hour)
	get("/", one, suite.From("shop"), suite.Sent("Authorization", ""))
	get("/", "", refused)
	get("/", two, refused)
	get("/", key.token(t, "https://one.example", "other", time.Hour), suite.Status(http.StatusForbidden))
	get("/", key.token(t, "https://one.example", "shop", -time.Hour), refused)
	get("/", stranger.token(t, "https://one.example", "shop", time.Hour), refused)
	get("/", unsigned(one), refused)
	get("/two", two, suite.From("shop"), suite.Sent("Authorization", "Bearer "+two))
	get("/two", one, refused)
	get("/public", "", suite.From("shop"))
	get("/child", one, suite.From("shop"))
	get("/child", "", refused)
	get("/child/two", two, suite.From("shop"))
	get("/child/two", one, refused)
	valid(t, "b")
	t.Apply(next.secret())
	get("/", next.token(t, "https://one.example", "shop", time.Hour), suite.From("shop"))
	get("/", one, refused)
}

func jwtReasons() []invalidSpec {
	host := func(tls, providers, more string) string {
		return `virtualhost: {fqdn: "a.${DOMAIN}"` + tls + `, jwtProviders: [` + providers + `]}, routes: [{SHOP` + more + `}]`
	}
	const tls = `, tls: {secretName: cert}`
	var out []invalidSpec
	for _, r := range []struct{ name, sentence, reason, spec string }{
		{"plain-text", "A JWT provider of a host without TLS is an error.", "JWTVerificationNotPermitted", host("", remoteProvider("p", ""), "")},
		{"twice", "Two JWT providers of one name are an error.", "DuplicateProviderName", host(tls, remoteProvider("p", "")+", "+remoteProvider("p", ""), "")},
		{"defaults", "Two default JWT providers are an error.", "MultipleDefaultProvidersSpecified", host(tls, remoteProvider("p", "default: true, ")+", "+remoteProvider("q", "default: true, "), "")},
		{"secret", "A missing Secret with keys is an error.", "LocalJWKSInvalid", host(tls, "{name: p, localJWKS: {secretName: none, key: jwks}}", "")},
		{"scheme", "A URI of keys that is neither http nor https is an error.", "RemoteJWKSSchemeInvalid", host(tls, `{name: p, remoteJWKS: {uri: "ftp://issuer.example/keys"}}`, "")},
		{"undefined", "A route that requires a token of an unknown provider is an error.", "JWTProviderNotDefined", host(tls, remoteProvider("p", ""), ", jwtVerificationPolicy: {require: q}")},
		{"policy", "A route that requires a token and disables its verification is an error.", "InvalidJWTVerificationPolicy", host(tls, remoteProvider("p", ""), ", jwtVerificationPolicy: {require: p, disabled: true}")},
	} {
		out = append(out, invalidSpec{
			name: "reason-jwt-" + r.name, sentence: r.sentence, errorType: "JWTVerificationError", reason: r.reason, spec: r.spec, feature: jwtVerification,
		})
	}
	return out
}

// remoteProvider is a JWT provider whose keys cannot be fetched: the name is reserved (RFC 2606).
func remoteProvider(name, fields string) string {
	return fmt.Sprintf(`{name: %s, %sremoteJWKS: {uri: "https://issuer.invalid/keys"}}`, name, fields)
}

// tokenKey signs tokens.
type tokenKey struct{ *rsa.PrivateKey }

func newTokenKey(t *suite.T) tokenKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Failf("key: %v", err)
	}
	return tokenKey{k}
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// secret is the Secret with the public key.
func (k tokenKey) secret() string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData:
  jwks: '{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","n":%q,"e":%q}]}'
`, base64url(k.N.Bytes()), base64url(big.NewInt(int64(k.E)).Bytes()))
}

func (k tokenKey) token(t *suite.T, issuer, audience string, valid time.Duration) string {
	claims, err := json.Marshal(map[string]any{"iss": issuer, "aud": audience, "exp": time.Now().Add(valid).Unix()})
	if err != nil {
		t.Failf("claims: %v", err)
	}
	signed := base64url([]byte(`{"alg":"RS256"}`)) + "." + base64url(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.PrivateKey, crypto.SHA256, digest[:])
	if err != nil {
		t.Failf("signature: %v", err)
	}
	return signed + "." + base64url(signature)
}

// seededKey signs tokens. Its public key can be in a manifest, since it is always the same.
type seededKey struct{ *ecdsa.PrivateKey }

// newSeededKey returns the key whose number is the hash of the name; it is for tests only.
func newSeededKey(t *suite.T, name string) seededKey {
	number := sha256.Sum256([]byte("conformance " + name))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), number[:])
	if err != nil {
		t.Failf("key: %v", err)
	}
	return seededKey{k}
}

func (k seededKey) token(t *suite.T, issuer string, valid time.Duration) string {
	claims, err := json.Marshal(map[string]any{"iss": issuer, "exp": time.Now().Add(valid).Unix()})
	if err != nil {
		t.Failf("claims: %v", err)
	}
	signed := base64url([]byte(`{"alg":"ES256"}`)) + "." + base64url(claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, k.PrivateKey, digest[:])
	if err != nil {
		t.Failf("signature: %v", err)
		return ""
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64url(signature)
}

// unsigned is the token with the algorithm "none" and without its signature.
func unsigned(token string) string {
	return base64url([]byte(`{"alg":"none"}`)) + "." + strings.Split(token, ".")[1] + "."
}
