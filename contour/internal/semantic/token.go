package semantic

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
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

// parseToken returns why a text is no token, in the words of Envoy; "" if it is one.
func parseToken(text string) (t token, refusal string) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return t, "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
	}
	var header struct{ Alg, Kid string }
	if fault := decodeJSON(parts[0], &header); fault != "" {
		return t, "Jwt header is an invalid " + fault
	}
	if header.Alg == "none" {
		return t, "Jwt header [alg] is not supported"
	}
	if fault := decodeJSON(parts[1], &t); fault != "" {
		return t, "Jwt payload is an invalid " + fault
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return t, "Jwt signature is an invalid Base64url encoded"
	}
	t.algorithm, t.keyID, t.signed, t.signature = header.Alg, header.Kid, parts[0]+"."+parts[1], signature
	return t, ""
}

// decodeJSON returns what a part of a token is not, "" if it is decoded.
func decodeJSON(part string, into any) (fault string) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	switch {
	case err != nil:
		return "Base64url encoded"
	case json.Unmarshal(b, into) != nil:
		return "JSON"
	}
	return ""
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

// signedBy returns why the signature is of no key of the set, in the words of Envoy; "" if it is of one. The model supports RS256; a token
// with another algorithm is one that no key of the tests has.
func (t *token) signedBy(set []byte) (refusal string, err error) {
	var keys struct{ Keys []webKey }
	if err := json.Unmarshal(set, &keys); err != nil {
		return "", fmt.Errorf("key set: %w", err)
	}
	refusal = "Jwks doesn't have key to match kid or alg from Jwt"
	for _, k := range keys.Keys {
		if t.keyID != "" && k.Kid != "" && k.Kid != t.keyID || k.Alg != "" && k.Alg != t.algorithm {
			continue
		}
		if k.verifies(t) {
			return "", nil
		}
		refusal = "Jwt verification fails"
	}
	return refusal, nil
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
