package ir

import "contour.example/contour/internal/kobj"

// ClientCertificates says whether clients show a certificate.
type ClientCertificates uint8

// The ways to treat the certificates of clients.
const (
	NoClientCertificates       ClientCertificates = iota // none is requested
	OptionalClientCertificates                           // clients without a certificate are served, too
	RequiredClientCertificates                           // connections without a certificate are closed; only with a CA
)

// ClientValidation is how the certificates of clients are validated, and what backends learn about them. It is comparable;
// the zero value requests no certificates.
type ClientValidation struct {
	Certificates ClientCertificates
	Unverified   bool      // any certificate is accepted; the handshake names the authorities of CA, if there is one
	CA           kobj.Name // the Secret with the authorities; zero: none, only with Unverified
	ConfigMap    bool      // CA is a ConfigMap instead of a Secret
	CRL          kobj.Name // the Secret with the revocation lists; zero: none
	LeafCRLOnly  bool      // only the certificates of clients are looked up in the lists, not those of authorities
	Forward      ForwardedCertificate
}

// Requested reports whether clients are asked for a certificate.
func (c ClientValidation) Requested() bool { return c.Certificates != NoClientCertificates }

// ForwardedCertificate is what backends learn about the certificate of a client, in the header X-Forwarded-Client-Cert.
// Whatever it is, the header of the client is removed.
type ForwardedCertificate struct {
	Enabled       bool // the hash of the certificate is forwarded, and the parts below
	Subject, Cert bool
	Chain         bool // the certificate with those of authorities that the client sent
	DNS, URI      bool // names of these types
}
