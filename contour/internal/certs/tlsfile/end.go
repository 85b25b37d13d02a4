package tlsfile

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// Ends returns the time until which the server's certificate in the files is valid, and the latest one until which one of the CA is.
// Errors: the files contain none.
func (f Files) Ends() (cert, ca time.Time, err error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return cert, ca, fmt.Errorf("certificate %s: %w", f.Cert, err)
	}
	rest, err := os.ReadFile(f.CA)
	if err != nil {
		return cert, ca, fmt.Errorf("CA: %w", err)
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return cert, ca, fmt.Errorf("CA %s: %w", f.CA, err)
		}
		if c.NotAfter.After(ca) {
			ca = c.NotAfter
		}
	}
	if ca.IsZero() {
		return cert, ca, fmt.Errorf("CA %s: contains no certificate", f.CA)
	}
	return pair.Leaf.NotAfter, ca, nil
}
