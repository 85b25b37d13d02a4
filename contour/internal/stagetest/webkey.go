package stagetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// WebKeys returns a JSON Web Key of each kind that is supported, by name.
func WebKeys() map[string]string {
	out := map[string]string{
		"Ed25519": fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":%q}`, encode(make([]byte, 32))),
		"HS512":   fmt.Sprintf(`{"kty":"oct","alg":"HS512","k":%q}`, encode(make([]byte, 64))),
	}
	for _, bits := range []int{2048, 4096} {
		if k, err := rsa.GenerateKey(rand.Reader, bits); err == nil {
			out[fmt.Sprint("RSA ", bits)] = fmt.Sprintf(`{"kty":"RSA","alg":"PS256","kid":"a","n":%q,"e":"AQAB"}`, encode(k.N.Bytes()))
		}
	}
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			continue
		}
		if point, err := k.PublicKey.Bytes(); err == nil {
			half := len(point) / 2
			out[name] = fmt.Sprintf(`{"kty":"EC","crv":%q,"x":%q,"y":%q}`, name, encode(point[1:1+half]), encode(point[1+half:]))
		}
	}
	return out
}
