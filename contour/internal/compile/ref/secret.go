package ref

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// CAKey is the key of a CA bundle in a Secret or ConfigMap.
const CAKey = "ca.crt"

// certificate is the content of a Secret of type kubernetes.io/tls or Opaque.
type certificate struct {
	chain, key []byte
	notAfter   time.Time
	only       string // see OnlyName
	failure    *Failure
}

func (c certificate) equal(o certificate) bool {
	return bytes.Equal(c.chain, o.chain) && bytes.Equal(c.key, o.key) && equalFailure(c.failure, o.failure)
}

// bundle is the CA bundle of a Secret or ConfigMap.
type bundle struct {
	pem     []byte
	failure *Failure
}

func (b bundle) usability() usability {
	return usability{failure: b.failure, size: len(b.pem) / validationUnit}
}

func (b bundle) equal(o bundle) bool {
	return bytes.Equal(b.pem, o.pem) && equalFailure(b.failure, o.failure)
}

// usability is the part of a Secret on which routes depend.
type usability struct {
	failure *Failure
	expired bool
	size    int // of data by which clients are validated, in validationUnit
}

func (u usability) equal(o usability) bool {
	return u.expired == o.expired && u.size == o.size && equalFailure(u.failure, o.failure)
}

func equalFailure(a, b *Failure) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// ServingSecret checks a Secret that a listener serves, for an object in the namespace.
// It reports whether the certificate has expired, which is not a Failure.
func (x *Resolver) ServingSecret(r *memo.Reader, namespace string, secret kobj.Name) (expired bool, f *Failure) {
	if !x.delegated(r, secret, namespace) {
		return false, failure(NotPermitted, "Secret %q is not delegated to namespace %q.", secret, namespace)
	}
	u := x.servingSecrets.Get(r, secret)
	return u.expired, u.failure
}

// CASecret checks a Secret with the CA bundle by which a backend or client is verified, for an object in the namespace.
func (x *Resolver) CASecret(r *memo.Reader, namespace string, secret kobj.Name) *Failure {
	if !x.delegated(r, secret, namespace) {
		return failure(NotPermitted, "Secret %q is not delegated to namespace %q.", secret, namespace)
	}
	return x.caSecrets.Get(r, secret).failure
}

// Certificate returns the certificate chain and the key of a serving Secret, in PEM.
func (x *Resolver) Certificate(r *memo.Reader, secret kobj.Name) (chain, key []byte, ok bool) {
	c := x.certificates.Get(r, secret)
	return c.chain, c.key, c.failure == nil
}

// OnlyName returns the DNS name in the certificate of a serving Secret, in lower case; "" if it has none or several.
func (x *Resolver) OnlyName(r *memo.Reader, secret kobj.Name) string {
	return x.certificates.Get(r, secret).only
}

// CA returns the CA bundle of a Secret, in PEM.
func (x *Resolver) CA(r *memo.Reader, secret kobj.Name) (bundle []byte, ok bool) {
	b := x.bundles.Get(r, secret)
	return b.pem, b.failure == nil
}

// Expiries returns the end dates of all certificates in use.
func (x *Resolver) Expiries() map[kobj.Name]time.Time {
	ends := map[kobj.Name]time.Time{}
	x.certificates.Keys(func(n kobj.Name) bool {
		if c, ok := x.certificates.Peek(n); ok && c.failure == nil {
			ends[n] = c.notAfter
		}
		return true
	})
	return ends
}

// ChangedExpiries returns the end dates of the certificates that changed since the last call. A certificate that was
// deleted or became invalid has a date in the far future, so that it does not count as expired.
func (x *Resolver) ChangedExpiries() map[kobj.Name]time.Time {
	ends := map[kobj.Name]time.Time{}
	for _, c := range x.certificates.Changes() {
		if c.New != nil && c.New.failure == nil {
			ends[c.Key] = c.New.notAfter
		} else {
			ends[c.Key] = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)
		}
	}
	return ends
}

func (x *Resolver) deriveServingSecret(r *memo.Reader, n kobj.Name) usability {
	c := x.certificates.Get(r, n)
	_, expired := x.store.Expired.Get(r, n)
	return usability{failure: c.failure, expired: expired && c.failure == nil}
}

func (x *Resolver) deriveCASecret(r *memo.Reader, n kobj.Name) usability {
	return x.bundles.Get(r, n).usability()
}

func (x *Resolver) deriveCertificate(r *memo.Reader, n kobj.Name) certificate {
	s, ok := x.store.Secrets.Get(r, n)
	if !ok {
		return certificate{failure: failure(NotFound, "Secret %q does not exist.", n)}
	}
	if s.Type != corev1.SecretTypeTLS && s.Type != corev1.SecretTypeOpaque && s.Type != "" {
		return certificate{failure: failure(Invalid, "Secret %q is of type %q, not kubernetes.io/tls.", n, s.Type)}
	}
	chain, key := s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]
	for _, part := range []struct {
		name string
		data []byte
	}{{corev1.TLSCertKey, chain}, {corev1.TLSPrivateKeyKey, key}} {
		if len(part.data) == 0 {
			return certificate{failure: failure(Invalid, "Secret %q has no %s.", n, part.name)}
		}
	}
	return parseCertificate(n, chain, key)
}

// parseCertificate accepts what Envoy accepts: a leaf with a name, and exactly one key, which matches the leaf. RSA keys are
// not larger than maxRSA.
func parseCertificate(n kobj.Name, chain, key []byte) certificate {
	if problem := privateKeyProblem(key); problem != "" {
		return certificate{failure: failure(Invalid, "Secret %q %s.", n, problem)}
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return certificate{failure: failure(Invalid, "Secret %q has a certificate and key that cannot be used together: %s.", n, reasonOf(err))}
	}
	if problem := checkPEM(chain); problem != "" {
		return certificate{failure: failure(Invalid, "Secret %q %s in %s.", n, problem, corev1.TLSCertKey)}
	}
	leaf := pair.Leaf
	if leaf.Subject.CommonName == "" && len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.URIs)+len(leaf.EmailAddresses) == 0 {
		return certificate{failure: failure(Invalid, "Secret %q has a certificate without a common name or subject alternative name.", n)}
	}
	if problem := rsaProblem(rsaBits(leaf)); problem != "" {
		return certificate{failure: failure(Invalid, "Secret %q %s.", n, problem)}
	}
	if problem := ecdsaProblem(leaf); problem != "" {
		return certificate{failure: failure(Invalid, "Secret %q has an ECDSA certificate %s.", n, problem)}
	}
	return certificate{chain: chain, key: key, notAfter: leaf.NotAfter, only: onlyName(leaf)}
}

func onlyName(leaf *x509.Certificate) string {
	if len(leaf.DNSNames) != 1 {
		return ""
	}
	return strings.ToLower(leaf.DNSNames[0])
}

func (x *Resolver) deriveBundle(r *memo.Reader, n kobj.Name) bundle {
	s, ok := x.store.Secrets.Get(r, n)
	if !ok {
		return bundle{failure: failure(NotFound, "Secret %q does not exist.", n)}
	}
	return parseBundle(kobj.Secret, n, s.Data[CAKey])
}

// parseBundle accepts certificates only, at least one.
func parseBundle(k kobj.Kind, n kobj.Name, data []byte) bundle {
	if len(data) == 0 {
		return bundle{failure: failure(Invalid, "%s %q has no %s.", k, n, CAKey)}
	}
	found := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != certificateBlock {
			return bundle{failure: failure(Invalid, "%s %q has a block of type %q in %s.", k, n, block.Type, CAKey)}
		}
		found++
	}
	if found == 0 {
		return bundle{failure: failure(Invalid, "%s %q has no certificate in %s.", k, n, CAKey)}
	}
	if problem := checkPEM(data); problem != "" {
		return bundle{failure: failure(Invalid, "%s %q %s in %s.", k, n, problem, CAKey)}
	}
	return bundle{pem: data}
}
