package semantic

import (
	"crypto"
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
type webKey struct{ Kty, Alg, Kid, N, E string }

// signedBy reports whether the signature is of a key of the set. The model supports RS256; a token with another algorithm is
// one that no key of the tests has.
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
	n, errN := base64.RawURLEncoding.DecodeString(k.N)
	e, errE := base64.RawURLEncoding.DecodeString(k.E)
	if k.Kty != "RSA" || t.algorithm != "RS256" || errN != nil || errE != nil {
		return false
	}
	digest := sha256.Sum256([]byte(t.signed))
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], t.signature) == nil
}
