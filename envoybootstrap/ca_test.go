//go:build envoy

package envoybootstrap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// testCA issues certificates for a test.
type testCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// identity is the certificate of one side of a mutual TLS connection, in PEM.
type identity struct{ ca, cert, key []byte }

func newTestCA(t *testing.T) *testCA {
	t.Helper()
	key, der := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &testCA{cert, key}
}

// sign makes a key and a certificate of it; without an issuer it signs itself.
func sign(t *testing.T, template *x509.Certificate, issuer *testCA) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

// identity is a certificate for name, as common name and DNS name.
func (a *testCA) identity(t *testing.T, name string) identity {
	t.Helper()
	key, der := sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, a)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return identity{
		ca:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}),
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

// server is the TLS side of a controller with a certificate for name.
func (a *testCA) server(t *testing.T, name string) *tls.Config {
	t.Helper()
	id := a.identity(t, name)
	pair, err := tls.X509KeyPair(id.cert, id.key)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(a.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
	}
}

func (id identity) writeTo(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"ca.crt": id.ca, "tls.crt": id.cert, "tls.key": id.key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// mount is a directory as the kubelet makes it of a Secret: the files are links
// through ..data, a link to a directory, which is replaced as a whole.
type mount struct {
	dir        string
	generation int
}

func newMount(t *testing.T) *mount {
	t.Helper()
	m := &mount{dir: t.TempDir()}
	for _, name := range []string{"ca.crt", "tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *mount) swap(t *testing.T, id identity) {
	t.Helper()
	m.generation++
	target := "..generation-" + strconv.Itoa(m.generation)
	id.writeTo(t, filepath.Join(m.dir, target))
	temp := filepath.Join(m.dir, "..data_tmp")
	if err := os.Symlink(target, temp); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(m.dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

func (m *mount) files() TLS {
	return TLS{
		CAFile:   filepath.Join(m.dir, "ca.crt"),
		CertFile: filepath.Join(m.dir, "tls.crt"),
		KeyFile:  filepath.Join(m.dir, "tls.key"),
	}
}
