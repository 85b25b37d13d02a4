package ref

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"contour.example/contour/internal/kobj"
)

// Lists may revoke so many certificates together, and no more: Envoy holds them once for each host.
func TestRevokedCertificatesAreBounded(t *testing.T) {
	t.Parallel()
	half := revocationList(t, maxRevoked/2)
	name := kobj.Name{Namespace: "default", Name: "crl"}
	if f := crlFailure(name, append(half, half...)); f != nil {
		t.Errorf("%d revoked certificates: %s", maxRevoked, f.Message)
	}
	one := revocationList(t, 1)
	f := crlFailure(name, append(append(half, half...), one...))
	if f == nil || f.Problem != Invalid || !strings.Contains(f.Message, "at most 10000") {
		t.Errorf("%d revoked certificates: %+v", maxRevoked+1, f)
	}
}

func revocationList(t *testing.T, revoked int) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}}
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
	for i := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(int64(i + 1)), RevocationTime: now,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: crlBlock, Bytes: der})
}
