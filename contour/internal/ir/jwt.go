package ir

import (
	"crypto/sha256"
	"encoding/hex"
)

// JWT requires a JSON Web Token of one of the providers of the virtual host. Requests without a valid token are answered
// with 401.
type JWT struct {
	// Providers are shared by the virtual host and its routes: sections with the same pointer have the same providers.
	Providers *JWTProviders
	Require   string // name of the provider; "" requires no token, also on a virtual host that requires one
	Invalid   bool   // the routes are answered with 500; the rest is empty then
	// Unavailable: the keys of the provider are not known. The routes are answered with 503; the rest is empty then.
	Unavailable bool
}

// JWTProviders are the providers whose keys are known, by name.
type JWTProviders struct{ List []JWTProvider }

// JWTProvider is an issuer of tokens.
type JWTProvider struct {
	Name      string
	Issuer    string   // of the claim iss; "" for any
	Audiences []string // of which the claim aud has to contain one; empty for any
	Forward   bool     // leaves the token in the request
	Keys      KeySet
}

// KeySet is a JSON Web Key Set with at least one key, in the form that package jwks returns. It may contain a secret.
type KeySet string

// String returns a digest: text forms do not show keys.
func (k KeySet) String() string {
	if k == "" {
		return "none"
	}
	sum := sha256.Sum256([]byte(k))
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// Provider returns the required provider; nil if none is required.
func (j *JWT) Provider() *JWTProvider {
	if j == nil || j.Providers == nil || j.Require == "" {
		return nil
	}
	for i := range j.Providers.List {
		if p := &j.Providers.List[i]; p.Name == j.Require {
			return p
		}
	}
	return nil
}

// Size is the number of bytes of the keys of the providers.
func (p *JWTProviders) Size() int {
	n := 0
	if p != nil {
		for i := range p.List {
			n += len(p.List[i].Keys)
		}
	}
	return n
}
