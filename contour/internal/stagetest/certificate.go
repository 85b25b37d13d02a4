package stagetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// Now returns the time of the controller in tests.
func Now() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// Pair is a self-signed certificate with its key, and a list of certificates that it revokes, all in PEM.
type Pair struct{ Certificate, Key, Revoked []byte }

// NewPair returns a certificate for the DNS name, valid until the time.
func NewPair(name string, until time.Time) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(until.Unix()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: until.AddDate(-100, 0, 0), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate: %w", err)
	}
	authority, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate: %w", err)
	}
	pair, err := encodePair(der, key)
	if err != nil {
		return Pair{}, err
	}
	pair.Revoked, err = revoke(authority, key, big.NewInt(1))
	return pair, err
}

// revoke returns a list of an authority with the serial numbers, in PEM.
func revoke(authority *x509.Certificate, key crypto.Signer, serials ...*big.Int) ([]byte, error) {
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: authority.NotBefore, NextUpdate: authority.NotAfter}
	for _, s := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s, RevocationTime: list.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, authority, key)
	if err != nil {
		return nil, fmt.Errorf("revocation list: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}

func encodePair(certificate []byte, key crypto.PrivateKey) (Pair, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("key: %w", err)
	}
	return Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}, nil
}
