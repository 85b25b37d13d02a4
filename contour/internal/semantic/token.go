package semantic

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// token is a JSON Web Token.
type token struct {
	Issuer    string          `json:"iss"`
	Audience  json.RawMessage `json:"aud"`
	Expires   int64           `json:"exp"`
	NotBefore int64           `json:"nbf"`

	algorithm, keyID string
	signed           string // the part that the signature is of
	signature        []byte
}

// parseToken returns false if the text is not a token.
func parseToken(text string) (token, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return token{}, false
	}
	var header struct{ Alg, Kid string }
	var t token
	if !decodeJSON(parts[0], &header) || !decodeJSON(parts[1], &t) {
		return token{}, false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	t.algorithm, t.keyID, t.signed, t.signature = header.Alg, header.Kid, parts[0]+"."+parts[1], signature
	return t, err == nil
}

func decodeJSON(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, into) == nil
}

func (t *token) audiences() []string {
	var one string
	var several []string
	if json.Unmarshal(t.Audience, &one) == nil {
		return []string{one}
	}
	if json.Unmarshal(t.Audience, &several) != nil {
		return nil
	}
	return several
}

// webKey is a JSON Web Key.
type webKey struct{ Kty, Alg, Kid, Crv, N, E, X, Y string }

// signedBy reports whether the signature is of a key of the set. The model supports RS256, ES256 and EdDSA; any other algorithm
// is one that no key of the tests has.
func (t *token) signedBy(set []byte) (bool, error) {
	var keys struct{ Keys []webKey }
	if err := json.Unmarshal(set, &keys); err != nil {
		return false, fmt.Errorf("key set: %w", err)
	}
	for _, k := range keys.Keys {
		if (t.keyID == "" || k.Kid == "" || k.Kid == t.keyID) && (k.Alg == "" || k.Alg == t.algorithm) && k.verifies(t) {
			return true, nil
		}
	}
	return false, nil
}

func (k *webKey) verifies(t *token) bool {
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			return new(big.Int)
		}
		return new(big.Int).SetBytes(b)
	}
	digest := sha256.Sum256([]byte(t.signed))
	switch k.Kty + " " + t.algorithm {
	case "RSA RS256":
		public := &rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], t.signature) == nil
	case "EC ES256":
		if len(t.signature) != 64 {
			return false
		}
		public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(k.X), Y: number(k.Y)}
		return ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(t.signature[:32]), new(big.Int).SetBytes(t.signature[32:]))
	case "OKP EdDSA":
		public, err := base64.RawURLEncoding.DecodeString(k.X)
		return err == nil && len(public) == ed25519.PublicKeySize && ed25519.Verify(public, []byte(t.signed), t.signature)
	}
	return false
}
