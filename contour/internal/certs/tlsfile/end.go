package tlsfile

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// The names of what Ends returns.
const (
	serverEnd = "server"
	caEnd     = "ca"
	fleetsEnd = "fleets"
)

// Ends returns the times until which the certificates in the files are valid: that of the server, the last one of the CA, and if there are
// any the last one of Fleets. Errors: a file contains none.
func (f Files) Ends() (map[string]time.Time, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", f.Cert, err)
	}
	ends := map[string]time.Time{serverEnd: pair.Leaf.NotAfter}
	if ends[caEnd], err = lastEnd(f.CA); err != nil {
		return nil, err
	}
	if f.Fleets != "" {
		if ends[fleetsEnd], err = lastEnd(f.Fleets); err != nil {
			return nil, err
		}
	}
	return ends, nil
}

// lastEnd returns the latest time until which a certificate in the file is valid.
func lastEnd(path string) (end time.Time, err error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return end, fmt.Errorf("CA: %w", err)
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return end, fmt.Errorf("CA %s: %w", path, err)
		}
		if c.NotAfter.After(end) {
			end = c.NotAfter
		}
	}
	if end.IsZero() {
		return end, fmt.Errorf("CA %s: contains no certificate", path)
	}
	return end, nil
}
