package stagetest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// Issuer signs JSON Web Tokens with an RSA key.
type Issuer struct {
	KeyID string
	key   *rsa.PrivateKey
}

// NewIssuer returns an issuer with a new key.
func NewIssuer(keyID string) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	return &Issuer{KeyID: keyID, key: key}, err
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Key returns the public key as a JSON Web Key.
func (i *Issuer) Key() map[string]string {
	return map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": i.KeyID,
		"n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes()),
	}
}

// KeySet returns a JSON Web Key Set with the public keys of the issuers.
func KeySet(of ...*Issuer) ([]byte, error) {
	keys := make([]map[string]string, len(of))
	for n, i := range of {
		keys[n] = i.Key()
	}
	return json.Marshal(map[string]any{"keys": keys})
}

// Token returns a token with these claims, such as iss, aud and exp.
func (i *Issuer) Token(claims map[string]any) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": i.KeyID})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := encode(header) + "." + encode(body)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, digest[:])
	return text + "." + encode(signature), err
}

// Unsigned returns a token with these claims and the algorithm "none".
func Unsigned(claims map[string]any) (string, error) {
	body, err := json.Marshal(claims)
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(body) + ".", err
}
