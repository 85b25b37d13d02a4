package ref

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// CRLKey is the key of revocation lists in a Secret.
const CRLKey = "crl.pem"

// crlBlock is the type of the PEM blocks that are revocation lists.
const crlBlock = "X509 CRL"

// maxRevoked is the number of certificates that the revocation lists of a Secret may revoke. Each host that uses the Secret
// has a copy of them in Envoy (measurements in docs/security.md).
const maxRevoked = 10_000

// validationUnit is the number of bytes of authorities and revocation lists, in PEM, that cost Envoy about as much as a host.
const validationUnit = 64 << 10

func (x *Resolver) addRevocations(e *memo.Engine) {
	x.revocations = memo.NewTable(e, memo.Options[kobj.Name, bundle]{
		Name: "ref/crl", Derive: x.deriveRevocations, Equal: bundle.equal,
	})
	x.crlSecrets = memo.NewTable(e, memo.Options[kobj.Name, usability]{
		Name: "ref/crlsecret", Equal: usability.equal,
		Derive: func(r *memo.Reader, n kobj.Name) usability { return x.revocations.Get(r, n).usability() },
	})
}

// CRLSecret checks a Secret with the revocation lists by which clients are verified, for an object in the namespace.
func (x *Resolver) CRLSecret(r *memo.Reader, namespace string, secret kobj.Name) *Failure {
	if !x.delegated(r, secret, namespace) {
		return failure(NotPermitted, "Secret %q is not delegated to namespace %q.", secret, namespace)
	}
	return x.crlSecrets.Get(r, secret).failure
}

// ValidationSize returns how many hosts cost as much as the authorities and the lists of the Secrets, of which either may be
// zero: each host that validates clients has a copy of them in Envoy.
func (x *Resolver) ValidationSize(r *memo.Reader, authorities, lists kobj.Name) int {
	size := 0
	if authorities != (kobj.Name{}) {
		size += x.caSecrets.Get(r, authorities).size
	}
	if lists != (kobj.Name{}) {
		size += x.crlSecrets.Get(r, lists).size
	}
	return size
}

// CRL returns the revocation lists of a Secret, in PEM.
func (x *Resolver) CRL(r *memo.Reader, secret kobj.Name) (lists []byte, ok bool) {
	b := x.revocations.Get(r, secret)
	return b.pem, b.failure == nil
}

// deriveRevocations accepts lists only that Envoy can use: it takes data without a list for an empty one, and then can verify
// nobody.
func (x *Resolver) deriveRevocations(r *memo.Reader, n kobj.Name) bundle {
	s, ok := x.store.Secrets.Get(r, n)
	if !ok {
		return bundle{failure: failure(NotFound, "Secret %q does not exist.", n)}
	}
	data := s.Data[CRLKey]
	if len(data) == 0 {
		return bundle{failure: failure(Invalid, "Secret %q has no %s.", n, CRLKey)}
	}
	if f := crlFailure(n, data); f != nil {
		return bundle{failure: f}
	}
	return bundle{pem: data}
}

// crlFailure returns the reason why Envoy cannot use the PEM data of revocation lists; nil if it can.
func crlFailure(n kobj.Name, data []byte) *Failure {
	begun, decoded, revoked := bytes.Count(data, []byte("-----BEGIN ")), 0, 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		decoded++
		if block.Type != crlBlock || len(block.Headers) > 0 {
			return failure(Invalid, "Secret %q has a block of type %q in %s that is no revocation list, or has PEM headers.", n, block.Type, CRLKey)
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return failure(Invalid, "Secret %q has a revocation list in %s that does not parse: %s.", n, CRLKey, reasonOf(err))
		}
		revoked += len(list.RevokedCertificateEntries)
	}
	switch {
	case decoded == 0:
		return failure(Invalid, "Secret %q has no revocation list in %s.", n, CRLKey)
	case begun != decoded:
		return failure(Invalid, "Secret %q has a PEM block that is not complete in %s.", n, CRLKey)
	case revoked > maxRevoked:
		return failure(Invalid, "Secret %q revokes %d certificates in %s; at most %d are supported.", n, revoked, CRLKey, maxRevoked)
	}
	return nil
}
