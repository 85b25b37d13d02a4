package ref

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// certificateBlock is the type of the PEM blocks that are certificates.
const certificateBlock = "CERTIFICATE"

// checkPEM returns the problem of the PEM data of certificates, as the end of a sentence that begins with the data; "" if
// it is valid. Envoy is stricter than encoding/pem: it rejects data that contains a block that does not decode, or a
// certificate with headers.
func checkPEM(data []byte) string {
	begun, decoded := bytes.Count(data, []byte("-----BEGIN ")), 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		decoded++
		if block.Type != certificateBlock {
			continue
		}
		if len(block.Headers) > 0 {
			return "has a certificate with PEM headers"
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Sprintf("has a certificate that does not parse: %s", reasonOf(err))
		}
	}
	if begun != decoded {
		return "has a PEM block that is not complete"
	}
	return ""
}
