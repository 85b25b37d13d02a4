//go:build envoy

package translate

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/envoybootstrap"
)

// onDemandRig starts an Envoy with certificates on demand and the TLS hosts a.example.com and b.example.com, each with a
// certificate for its own name.
func onDemandRig(t *testing.T) *rig {
	g := newRig(t, newFixture(onDemand), envoybootstrap.StatsDefault)
	for _, name := range []string{"a.example.com", "b.example.com"} {
		g.certify(name, name)
		g.set(g.answering(name, name))
	}
	g.publish()
	return g
}

// certify sets the certificate for the name in Secret app/secret.
func (g *rig) certify(secret, name string) {
	chain, key := issued(g.t, name)
	g.secrets.Set(kobj.Name{Namespace: "app", Name: secret}, pair{string(chain), string(key)})
}

// answering returns a TLS host with that certificate, which responds with its own name.
func (g *rig) answering(name, secret string) *ir.VirtualHost {
	v := httpsHost(name, ir.Route{Match: prefix("/"), Direct: &ir.Direct{Code: 200, Body: name}})
	v.TLS.Certificate = kobj.Name{Namespace: "app", Name: secret}
	return v
}

// client returns a client with one connection with the server name.
func (g *rig) client(serverName string, edit ...func(*tls.Config)) *http.Client {
	config := &tls.Config{ServerName: serverName, InsecureSkipVerify: true, NextProtos: []string{"h2"}}
	for _, f := range edit {
		f(config)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", g.at.https.Port))
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: config, ForceAttemptHTTP2: true}
	g.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 15 * time.Second}
}

// answer returns the status of a request for the host and the name in the certificate; 0 if the connection failed.
func answer(t testing.TB, c *http.Client, host string) (status int, certificate string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.TLS.PeerCertificates[0].DNSNames[0]
}

func (g *rig) expect(what string, c *http.Client, host string, status int, certificate string) {
	g.t.Helper()
	if s, n := answer(g.t, c, host); s != status || n != certificate {
		g.t.Errorf("%s: %d with the certificate of %q, want %d with that of %q", what, s, n, status, certificate)
	}
}

func TestEnvoyServesCertificatesOnDemand(t *testing.T) {
	g := onDemandRig(t)
	a := g.client("a.example.com")
	g.expect("a host", a, "a.example.com", 200, "a.example.com")
	g.expect("a host with a port", a, "a.example.com:8443", 200, "a.example.com")
	g.expect("another host on the same connection", a, "b.example.com", 421, "a.example.com")
	g.expect("an unknown host on the same connection", a, "example.org", 421, "a.example.com")
	g.expect("the other host", g.client("b.example.com"), "b.example.com", 200, "b.example.com")

	started := time.Now()
	g.expect("a name without a host", g.client("c.example.com"), "c.example.com", 0, "")
	g.expect("no name", g.client("127.0.0.1"), "a.example.com", 0, "")
	if took := time.Since(started); took > handshakeTimeout {
		t.Errorf("the failures took %v", took)
	}
	g.certify("c", "c.example.com")
	g.set(g.answering("c.example.com", "c"))
	g.publish()
	g.expect("an added host", g.client("c.example.com"), "c.example.com", 200, "c.example.com")

	g.certify("a.example.com", "rotated.example.com")
	g.publish()
	g.expect("a rotated certificate", g.client("a.example.com"), "a.example.com", 200, "rotated.example.com")
	g.expect("the former connection", a, "a.example.com", 200, "a.example.com")

	g.hosts.Delete(hostKey(classic.HTTPS(), "b.example.com"))
	g.publish()
	g.expect("a removed host", g.client("b.example.com"), "b.example.com", 0, "")
}

// TestEnvoyMovesHostsBetweenChains adds and removes a wildcard host that covers hosts on demand, with open connections.
func TestEnvoyMovesHostsBetweenChains(t *testing.T) {
	g := onDemandRig(t)
	before := g.client("a.example.com")
	g.expect("before", before, "a.example.com", 200, "a.example.com")
	g.certify("wild", "*.example.com")
	g.set(g.answering("*.example.com", "wild"))
	g.publish()
	g.expect("under a wildcard, the former connection", before, "a.example.com", 200, "a.example.com")
	g.expect("under a wildcard", g.client("a.example.com"), "a.example.com", 200, "a.example.com")
	g.expect("the wildcard", g.client("x.example.com"), "x.example.com", 200, "*.example.com")
	g.hosts.Delete(hostKey(classic.HTTPS(), "*.example.com"))
	g.publish()
	g.expect("without the wildcard", g.client("a.example.com"), "a.example.com", 200, "a.example.com")
	g.expect("a host of the removed wildcard", g.client("x.example.com"), "x.example.com", 0, "")
}

// TestEnvoyTLSDefaults verifies that the defaults of Envoy are those that tlsParameters assumes, on the shared filter chain
// and on that of a host, with both kinds of keys.
func TestEnvoyTLSDefaults(t *testing.T) {
	g := onDemandRig(t)
	g.certify("wild", "*.org") // which removes its hosts from the shared filter chain
	chain, key := issuedRSA(t, "own.org")
	g.secrets.Set(kobj.Name{Namespace: "app", Name: "rsa"}, pair{string(chain), string(key)})
	g.set(g.answering("*.org", "wild"), g.answering("own.org", "rsa"))
	g.publish()
	for name, served := range map[string][]uint16{
		"a.example.com": {tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
		"own.org":       {tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
	} {
		accepts := func(lowest, highest uint16, suites ...uint16) bool {
			status, _ := answer(t, g.client(name, func(c *tls.Config) { c.MinVersion, c.MaxVersion, c.CipherSuites = lowest, highest, suites }), name)
			return status == 200
		}
		if !accepts(tls.VersionTLS13, tls.VersionTLS13) || !accepts(tls.VersionTLS12, tls.VersionTLS12) || accepts(tls.VersionTLS10, tls.VersionTLS11) {
			t.Errorf("%s: other versions than 1.2 and 1.3", name)
		}
		for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			if s.SupportedVersions[0] > tls.VersionTLS12 {
				continue // of TLS 1.3, where they are not configurable
			}
			if got := accepts(tls.VersionTLS12, tls.VersionTLS12, s.ID); got != slices.Contains(served, s.ID) {
				t.Errorf("%s: %s is served: %v", name, s.Name, got)
			}
		}
	}
}

// issuedRSA returns a self-signed certificate for the name with an RSA key, PEM.
func issuedRSA(t *testing.T, name string) (chain, key []byte) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
}
