//go:build envoy

package pipeline_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// What large revocation lists cost Envoy, for each host that uses them: run with -v to read it. The largest list that is
// accepted must stay below a bound for each host.
func TestRevocationListsOfManyHostsFitEnvoy(t *testing.T) {
	const hosts, most = 50, 4 << 20
	f := startFleet(t)
	for _, revoked := range []int{0, 1_000, 10_000} {
		batch, client := revokingHosts(t, hosts, revoked)
		before := envoyMemory(t)
		start := time.Now()
		f.sys.Step(batch)
		f.waitIdle(t)
		each := (envoyMemory(t) - before) / hosts
		t.Logf("%d revoked certificates, %d hosts: %d KiB and %v each", revoked, hosts, each>>10, time.Since(start)/hosts)
		t.Logf("a handshake takes %v", f.handshakeTime(t, client, fmt.Sprintf("host-%d-0.example.com", revoked)))
		if each > most {
			t.Errorf("%d KiB for each host, more than %d", each>>10, most>>10)
		}
		for _, o := range batch {
			f.sys.Step([]store.Change{{Key: o.Key}})
		}
		f.waitIdle(t)
		time.Sleep(3 * time.Second) // drain time
	}
}

// handshakeTime returns the mean time of a request over a connection of its own.
func (f *fleet) handshakeTime(t *testing.T, client []byte, host string) time.Duration {
	t.Helper()
	const n = 50
	own := must(tls.X509KeyPair(client, client))(t)
	start := time.Now()
	for range n {
		response, _, err := f.handshake(&tls.Config{ServerName: host, InsecureSkipVerify: true, Certificates: []tls.Certificate{own}})
		if err != nil || response.StatusCode != 200 {
			t.Fatal(err, response)
		}
	}
	return time.Since(start) / n
}

// revokingHosts returns hosts that validate clients by one list, with a client; without revoked certificates, without a list.
func revokingHosts(t *testing.T, hosts, revoked int) (batch []store.Change, client []byte) {
	t.Helper()
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "default", Name: name} }
	pair := must(stagetest.NewPair("www.example.com", time.Now().AddDate(10, 0, 0)))(t)
	bundle, list, client := authority(t, revoked)
	secret := &corev1.Secret{ObjectMeta: meta("secret"), Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		"tls.crt": pair.Certificate, "tls.key": pair.Key, "ca.crt": bundle, "crl.pem": list,
	}}
	batch = []store.Change{{Key: kobj.Of(kobj.Secret, "default", "secret"), Object: secret}}
	for i := range hosts {
		validation := &contourv1.DownstreamValidation{CACertificate: "secret"}
		if revoked > 0 {
			validation.CertificateRevocationList = "secret"
		}
		name := fmt.Sprintf("host-%d-%d", revoked, i)
		p := &contourv1.HTTPProxy{ObjectMeta: meta(name), Spec: contourv1.HTTPProxySpec{
			VirtualHost: &contourv1.VirtualHost{Fqdn: name + ".example.com", TLS: &contourv1.TLS{SecretName: "secret", ClientValidation: validation}},
			Routes:      []contourv1.Route{{DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200}}},
		}}
		batch = append(batch, store.Change{Key: kobj.Of(kobj.HTTPProxy, "default", name), Object: p})
	}
	return batch, client
}

// authority returns a new authority, its list of so many certificates, and a client, with its key, that is not among them.
func authority(t *testing.T, revoked int) (bundle, list, client []byte) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	parsed := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key))(t)))(t)
	revocations := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.AddDate(0, 0, -1), NextUpdate: now.AddDate(1, 0, 0)}
	for i := range revoked {
		serial := new(big.Int).Lsh(big.NewInt(int64(i+1)), 120) // 16 bytes, as public authorities use
		revocations.RevokedCertificateEntries = append(revocations.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: serial, RevocationTime: now.AddDate(0, 0, -1),
		})
	}
	bundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: parsed.Raw})
	list = pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: must(x509.CreateRevocationList(rand.Reader, revocations, parsed, key))(t)})
	own := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "client"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter}
	client = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: must(x509.CreateCertificate(rand.Reader, leaf, parsed, own.Public(), key))(t)})
	client = append(client, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(own))(t)})...)
	return bundle, list, client
}

// envoyMemory returns the resident bytes of the Envoy that this process runs.
func envoyMemory(t *testing.T) int {
	t.Helper()
	for _, file := range must(filepath.Glob("/proc/[0-9]*/status"))(t) {
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) || !strings.HasPrefix(string(text), "Name:\tenvoy") {
			continue
		}
		_, rest, _ := strings.Cut(string(text), "\nVmRSS:")
		return must(strconv.Atoi(strings.Fields(rest)[0]))(t) << 10
	}
	t.Fatal("there is no Envoy")
	return 0
}

// With crlOnlyVerifyLeafCert, a list of the authority that signed a client's certificate is enough, and without it every authority
// of its chain needs one; a certificate in the list is refused.
func TestRevocationListsOfLeafCertificatesOnEnvoy(t *testing.T) {
	f := startFleet(t)
	bundle, list, clients := intermediateAuthority(t)
	pair := must(stagetest.NewPair("www.example.com", time.Now().AddDate(10, 0, 0)))(t)
	s := &corev1.Secret{ObjectMeta: meta("cert-1"), Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		"tls.crt": pair.Certificate, "tls.key": pair.Key, "ca.crt": bundle, "crl.pem": list,
	}}
	batch := change(s)
	for i, leafOnly := range []bool{false, true} {
		p := tlsProxy(i)
		p.Spec.VirtualHost.TLS.ClientValidation = &contourv1.DownstreamValidation{
			CACertificate: "cert-1", CertificateRevocationList: "cert-1", OnlyVerifyLeafCertCrl: leafOnly,
		}
		p.Spec.Routes = []contourv1.Route{{DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200}}}
		batch = append(batch, change(p)...)
	}
	f.sys.Step(batch)
	f.waitIdle(t)
	accepted := func(i int, client []byte) bool {
		own := must(tls.X509KeyPair(client, client))(t)
		c := &tls.Config{ServerName: fmt.Sprintf("tls-%d.example.com", i), InsecureSkipVerify: true}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
		response, _, err := f.handshake(c)
		return err == nil && response.StatusCode == 200
	}
	if !eventually(func() bool { return accepted(1, clients[0]) }) {
		t.Error("of the leaf only: a certificate that is not revoked is refused")
	}
	for i := range 2 {
		if accepted(i, clients[1]) {
			t.Errorf("host %d: a revoked certificate is accepted", i)
		}
	}
	if accepted(0, clients[0]) {
		t.Error("of the chain: a certificate is accepted below an authority without a list")
	}
}

// intermediateAuthority returns an authority, the list of one below it, and two clients, with their chains and keys, of the latter:
// the second one is in the list.
func intermediateAuthority(t *testing.T) (bundle, list []byte, clients [2][]byte) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t) // of all, which is enough here
	now := time.Now()
	sign := func(serial int64, name string, parent *x509.Certificate, isCA bool) *x509.Certificate {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
			IsCA: isCA, BasicConstraintsValid: true, SubjectKeyId: []byte(name),
		}
		if isCA {
			c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		}
		if parent == nil {
			parent = c
		}
		return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, parent, key.Public(), key))(t)))(t)
	}
	root := sign(1, "root", nil, true)
	between := sign(2, "between", root, true)
	revocations := &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now.AddDate(0, 0, -1), NextUpdate: now.AddDate(1, 0, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(4), RevocationTime: now.AddDate(0, 0, -1)}},
	}
	list = pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: must(x509.CreateRevocationList(rand.Reader, revocations, between, key))(t)})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))(t)})
	text := func(c *x509.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	for i := range clients {
		leaf := sign(int64(3+i), fmt.Sprint("client", i), between, false)
		clients[i] = append(append(text(leaf), text(between)...), private...)
	}
	return text(root), list, clients
}
