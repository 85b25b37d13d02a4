package jwks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// random returns n random bytes, with the first and last bit set, in base64url.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	b[0] |= 0x80
	b[n-1] |= 1
	return base64.RawURLEncoding.EncodeToString(b)
}

func ecKey(t *testing.T, curve elliptic.Curve, name string) string {
	t.Helper()
	return dividedKey(t, curve, name, 0)
}

// dividedKey is an EC key whose x has more bytes than y, twice the number.
func dividedKey(t *testing.T, curve elliptic.Curve, name string, more int) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := len(point)/2 + more
	text := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"kty":"EC","crv":%q,"x":%q,"y":%q,"d":"secret"}`, name, text(point[1:1+half]), text(point[1+half:]))
}

func set(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

func rsaKey(n int, more string) string {
	return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"%s}`, random(n), more)
}

func TestUsableKeys(t *testing.T) {
	for name, key := range map[string]string{
		"RSA 2048": rsaKey(256, `,"alg":"RS256","use":"sig","kid":"a","x5c":["MIIC"],"d":"secret"`),
		"RSA 4096": rsaKey(512, `,"alg":"PS512"`),
		"P-256":    ecKey(t, elliptic.P256(), "P-256"),
		"P-384":    ecKey(t, elliptic.P384(), "P-384"),
		"P-521":    ecKey(t, elliptic.P521(), "P-521"),
		"Ed25519":  fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, random(32)),
		"HMAC":     fmt.Sprintf(`{"kty":"oct","k":%q,"alg":"HS256"}`, random(32)),
		"padded":   fmt.Sprintf(`{"kty":"RSA","n":"%s==","e":"AQAB"}`, random(256)),
	} {
		keys, problem := Parse(set(key, `{"kty":"new"}`), Options{Symmetric: true})
		if problem != "" {
			t.Errorf("%s: %s", name, problem)
		}
		for _, part := range []string{`"secret"`, `"x5c"`, `"new"`, "=="} {
			if strings.Contains(string(keys), part) {
				t.Errorf("%s: the keys contain %s: %s", name, part, string(keys))
			}
		}
		again, _ := Parse([]byte(string(keys)), Options{Symmetric: true})
		if again != keys {
			t.Errorf("%s: the keys are not in normal form", name)
		}
	}
}

func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	a, b := rsaKey(256, `,"kid":"a"`), rsaKey(256, `,"kid":"b"`)
	first, _ := Parse(set(a, b), Options{})
	second, _ := Parse(set(b, a, " "+b), Options{})
	if first != second || first == "" {
		t.Errorf("the sets differ: %s, %s", string(first), string(second))
	}
}

func TestUnusableSets(t *testing.T) {
	for name, in := range map[string]string{
		"no JSON":                 "{",
		"no keys":                 `{}`,
		"empty":                   `{"keys":[]}`,
		"a number":                `{"keys":[1]}`,
		"unknown type":            `{"keys":[{"kty":"new"}]}`,
		"for encryption":          string(set(rsaKey(256, `,"use":"enc"`))),
		"small RSA":               string(set(rsaKey(128, ""))),
		"huge RSA":                string(set(rsaKey(16<<10, ""))),
		"RSA with an even number": string(set(`{"kty":"RSA","n":"` + base64.RawURLEncoding.EncodeToString(append([]byte{0x80}, make([]byte, 255)...)) + `","e":"AQAB"}`)),
		"RSA with a huge e":       string(set(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q}`, random(256), random(256)))),
		"RSA of EC algorithm":     string(set(rsaKey(256, `,"alg":"ES256"`))),
		"off the curve":           string(set(fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, random(32), random(32)))),
		"x longer than y":         string(set(dividedKey(t, elliptic.P256(), "P-256", 1))),
		"other curve":             string(set(`{"kty":"EC","crv":"secp256k1","x":"","y":""}`)),
		"EC of another algorithm": string(set(strings.Replace(ecKey(t, elliptic.P256(), "P-256"), "{", `{"alg":"ES384",`, 1))),
		"short Ed25519":           string(set(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, random(31)))),
		"symmetric":               string(set(fmt.Sprintf(`{"kty":"oct","k":%q}`, random(32)))),
		"long key ID":             string(set(rsaKey(256, `,"kid":"`+strings.Repeat("a", maxKeyID+1)+`"`))),
		"too large":               string(set(rsaKey(256, ""))) + strings.Repeat(" ", MaxDocument),
	} {
		if keys, problem := Parse([]byte(in), Options{}); problem == "" || keys != "" {
			t.Errorf("%s: accepted as %s", name, string(keys))
		}
	}
	var many []string
	for i := range maxKeys + 1 {
		many = append(many, rsaKey(256, fmt.Sprintf(`,"kid":"%d"`, i)))
	}
	if _, problem := Parse(set(many...), Options{}); problem == "" {
		t.Error("too many keys are accepted")
	}
	if _, problem := Parse(set(fmt.Sprintf(`{"kty":"oct","k":%q}`, random(31))), Options{Symmetric: true}); problem == "" {
		t.Error("a short secret is accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(set(rsaKey(256, `,"alg":"RS256"`)))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		keys, problem := Parse(in, Options{Symmetric: true})
		if (keys == "") == (problem == "") {
			t.Fatalf("keys %q, problem %q", string(keys), problem)
		}
		if again, _ := Parse([]byte(string(keys)), Options{Symmetric: true}); keys != "" && again != keys {
			t.Fatalf("%q is not in normal form: %q", string(keys), string(again))
		}
	})
}
