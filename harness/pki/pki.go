// Package pki makes certificates for tests: CAs, servers, clients.
//
// It takes names and returns PEM pairs and what crypto/tls needs. Keys are ECDSA P-256,
// since they cost microseconds. Certificates are valid from an hour ago until tomorrow unless a
// test specifies other times (expired ones, for example). Nothing here is fit for production.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Pair is a certificate and its private key, both PEM.
type Pair struct{ Cert, Key []byte }

// TLS is the pair for crypto/tls.
func (p Pair) TLS() (tls.Certificate, error) {
	c, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key pair: %w", err)
	}
	return c, nil
}

// Write puts the pair into <dir>/<name>.crt and <dir>/<name>.key and returns the two paths.
func (p Pair) Write(dir, name string) (cert, key string, err error) {
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	if err := os.WriteFile(cert, p.Cert, 0o644); err != nil {
		return "", "", fmt.Errorf("certificate: %w", err)
	}
	if err := os.WriteFile(key, p.Key, 0o600); err != nil {
		return "", "", fmt.Errorf("key: %w", err)
	}
	return cert, key, nil
}

// CA signs certificates.
type CA struct {
	// Cert is the CA's certificate, PEM.
	Cert []byte

	cert  *x509.Certificate
	key   crypto.Signer
	chain []byte // of an intermediate CA, PEM: its certificate and those above it, without that of the root
}

// Request is the content of a certificate.
type Request struct {
	// CommonName and Organization are the subject; the API server reads them as user and group.
	CommonName   string
	Organization []string
	// Names are DNS names, IP addresses and URIs.
	Names []string
	// NotBefore and NotAfter are an hour ago and tomorrow if zero.
	NotBefore, NotAfter time.Time
}

// New makes a CA.
func New(name string) (*CA, error) {
	return newCA(name, nil)
}

// Intermediate makes a CA whose certificate is signed by this one. The certificates that it issues come with its own.
func (a *CA) Intermediate(name string) (*CA, error) {
	ca, err := newCA(name, a)
	if err != nil {
		return nil, err
	}
	ca.chain = slices.Concat(ca.Cert, a.chain)
	return ca, nil
}

// newCA makes a CA that is signed by another, or by itself if there is none.
func newCA(name string, by *CA) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	t, err := template(Request{CommonName: name})
	if err != nil {
		return nil, err
	}
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if by == nil {
		by = &CA{cert: t, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, by.cert, key.Public(), by.key)
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	return &CA{Cert: encode("CERTIFICATE", der), cert: cert, key: key}, nil
}

// Issue makes a key and a certificate for a server or a client.
func (a *CA) Issue(r Request) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("issue %s: %w", r.CommonName, err)
	}
	t, err := template(r)
	if err != nil {
		return Pair{}, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("issue %s: %w", r.CommonName, err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("issue %s: %w", r.CommonName, err)
	}
	return Pair{Cert: slices.Concat(encode("CERTIFICATE", der), a.chain), Key: encode("PRIVATE KEY", pkcs8)}, nil
}

// Server makes a pair for the names, the first of which is also the common name.
func (a *CA) Server(names ...string) (Pair, error) {
	return a.Issue(Request{CommonName: names[0], Names: names})
}

// Pool contains the CA's certificate only.
func (a *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func template(r Request) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: r.CommonName, Organization: r.Organization},
		NotBefore:    orElse(r.NotBefore, now.Add(-time.Hour)),
		NotAfter:     orElse(r.NotAfter, now.Add(24*time.Hour)),
	}
	for _, name := range r.Names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
			continue
		}
		if strings.Contains(name, "://") {
			uri, err := url.Parse(name)
			if err != nil {
				return nil, fmt.Errorf("name: %w", err)
			}
			t.URIs = append(t.URIs, uri)
			continue
		}
		t.DNSNames = append(t.DNSNames, name)
	}
	return t, nil
}

func orElse(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// Revoke returns a revocation list of the CA with the certificates, PEM. It is valid until tomorrow.
func (a *CA) Revoke(pairs ...Pair) ([]byte, error) {
	return a.RevokeUntil(time.Now().Add(24*time.Hour), pairs...)
}

// RevokeUntil returns a revocation list that is valid until then, from an hour ago.
func (a *CA) RevokeUntil(end time.Time, pairs ...Pair) ([]byte, error) {
	now := time.Now()
	list := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now.Add(-time.Hour), NextUpdate: end}
	for _, p := range pairs {
		c, err := p.TLS()
		if err != nil {
			return nil, err
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: c.Leaf.SerialNumber, RevocationTime: list.ThisUpdate,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		return nil, fmt.Errorf("revocation list: %w", err)
	}
	return encode("X509 CRL", der), nil
}
