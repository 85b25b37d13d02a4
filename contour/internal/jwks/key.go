package jwks

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// The sizes of keys that are used. RSA below 2,048 bits and secrets below 32 bytes are not permitted by RFC 7518; the upper
// limits bound the work of one verification.
const (
	minRSA, maxRSA       = 2048, 4096 // bits
	minSecret, maxSecret = 32, 512    // bytes
	maxExponent          = 33         // bits
)

// key is a JSON Web Key. Its fields are in the order of the normalized form; members that verify nothing are not read.
type key struct {
	Kty string `json:"kty"`
	Alg string `json:"alg,omitempty"`
	Kid string `json:"kid,omitempty"`
	Use string `json:"use,omitempty"`
	Crv string `json:"crv,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	K   string `json:"k,omitempty"`
}

// normalized returns the text of a key that Envoy can use, or why it is not used, as the end of a sentence.
func (k key) normalized(o Options) (text, problem string) {
	switch {
	case len(k.Kid) > maxKeyID:
		return "", "has a key ID of more than 256 bytes"
	case k.Use != "" && k.Use != "sig":
		return "", "is not for signatures"
	}
	out := key{Kty: k.Kty, Alg: k.Alg, Kid: k.Kid}
	switch k.Kty {
	case "RSA":
		out.N, out.E = unpadded(k.N), unpadded(k.E)
		problem = out.rsa()
	case "EC":
		out.Crv, out.X, out.Y = k.Crv, unpadded(k.X), unpadded(k.Y)
		problem = out.ec()
	case "OKP":
		out.Crv, out.X = k.Crv, unpadded(k.X)
		problem = out.okp()
	case "oct":
		out.K = unpadded(k.K)
		problem = out.oct(o)
	default:
		problem = "is not of type RSA, EC, OKP or oct"
	}
	if problem != "" {
		return "", problem
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		return "", "cannot be encoded"
	}
	return string(encoded), ""
}

func unpadded(s string) string { return strings.TrimRight(s, "=") }

// decode returns the bytes of a base64url text, nil if it is none.
func decode(s string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// signs reports whether the algorithm of the key, if it has one, is among those of its type.
func (k *key) signs(algorithms ...string) bool {
	if k.Alg == "" {
		return true
	}
	for _, a := range algorithms {
		if k.Alg == a {
			return true
		}
	}
	return false
}

func (k *key) rsa() string {
	n, e := new(big.Int).SetBytes(decode(k.N)), new(big.Int).SetBytes(decode(k.E))
	switch {
	case !k.signs("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
		return "is an RSA key with an algorithm that Envoy does not support"
	case n.BitLen() < minRSA || n.BitLen() > maxRSA || n.Bit(0) == 0:
		return "is an RSA key without an odd modulus of 2048 to 4096 bits"
	case e.BitLen() < 2 || e.BitLen() > maxExponent || e.Bit(0) == 0:
		return "is an RSA key without an odd exponent of 2 to 33 bits"
	}
	return ""
}

func (k *key) ec() string {
	curve, algorithm := ecdh.Curve(nil), ""
	switch k.Crv {
	case "P-256":
		curve, algorithm = ecdh.P256(), "ES256"
	case "P-384":
		curve, algorithm = ecdh.P384(), "ES384"
	case "P-521":
		curve, algorithm = ecdh.P521(), "ES512"
	default:
		return "is on a curve other than P-256, P-384 and P-521"
	}
	if !k.signs(algorithm) {
		return "is an EC key with an algorithm of another curve"
	}
	x, y := decode(k.X), decode(k.Y)
	if _, err := curve.NewPublicKey(slices.Concat([]byte{4}, x, y)); err != nil || len(x) != len(y) {
		return "is not a point on its curve"
	}
	return ""
}

func (k *key) okp() string {
	switch {
	case k.Crv != "Ed25519":
		return "is on a curve other than Ed25519"
	case !k.signs("EdDSA"):
		return "is an OKP key with an algorithm other than EdDSA"
	case len(decode(k.X)) != 32:
		return "is not an Ed25519 key of 32 bytes"
	}
	return ""
}

func (k *key) oct(o Options) string {
	switch n := len(decode(k.K)); {
	case !o.Symmetric:
		return "is a symmetric key, which a Secret may contain and a document that is fetched may not"
	case !k.signs("HS256", "HS384", "HS512"):
		return "is a symmetric key with an algorithm other than HS256, HS384 and HS512"
	case n < minSecret || n > maxSecret:
		return "is not a symmetric key of 32 to 512 bytes"
	}
	return ""
}
