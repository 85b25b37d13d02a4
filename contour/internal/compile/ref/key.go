package ref

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"strings"
)

// rsaBits returns the size of an RSA key, 0 for other keys.
func rsaBits(c *x509.Certificate) int {
	if k, ok := c.PublicKey.(*rsa.PublicKey); ok {
		return k.N.BitLen()
	}
	return 0
}

// ecdsaProblem returns why Envoy rejects an ECDSA certificate, as the end of a sentence; "" if it does not, or for other keys.
func ecdsaProblem(c *x509.Certificate) string {
	k, ok := c.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok:
		return ""
	case k.Curve == elliptic.P224():
		return "on the curve P-224, which Envoy does not support"
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return "whose key usage does not allow digital signatures"
	}
	return ""
}

// reasonOf returns the text of an error of crypto/tls or crypto/x509 without the name of the package.
func reasonOf(err error) string {
	text := err.Error()
	for _, prefix := range []string{"tls: ", "x509: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}
