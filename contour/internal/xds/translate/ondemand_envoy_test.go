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
	"strings"
	"sync"
	"testing"
	"time"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/envoybootstrap"
)

// onDemandRig starts an Envoy with certificates on demand and the TLS hosts a.example.com and b.example.com, each with a
// certificate for its own name.
func onDemandRig(t *testing.T, limits ...session.Limits) *rig {
	g := newRig(t, newFixture(onDemand), envoybootstrap.StatsDefault, limits...)
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

// TestEnvoyGivesNoSecretByItsName sends what is in the names of secrets as server names, with hosts whose filter chains use
// these secrets. Envoy refuses the handshakes and rejects nothing, even when the secrets change afterwards.
func TestEnvoyGivesNoSecretByItsName(t *testing.T) {
	g := onDemandRig(t)
	strict := g.answering("strict.example.com", "strict")
	strict.TLS.Min = ir.TLS13 // has a filter chain of its own
	verified := to("verified")
	verified.Backends[0].Cluster.Protocol = ir.ProtocolTLS
	verified.Backends[0].Cluster.TLS = ir.UpstreamTLS{CA: kobj.Name{Namespace: "app", Name: "ca"}, Names: ir.NewList("s")}
	strict.Routes = append(strict.Routes, ir.Route{Match: prefix("/verified"), Forward: verified})
	rotate := func() {
		g.certify("strict", "strict.example.com")
		chain, _ := issued(t, "ca.example.com")
		g.secrets.Set(kobj.Name{Namespace: "app", Name: "ca"}, pair{string(chain), ""})
	}
	rotate()
	g.set(strict)
	g.publish()
	g.expect("the host with its own filter chain", g.client("strict.example.com"), "strict.example.com", 200, "strict.example.com")
	before := g.server.Sessions()
	names := []string{
		"app/strict", "app/a.example.com", "ca/app/ca", "app/strict\x00", "ca/app/ca\x00", "on-demand/none", strings.Repeat("a", 300), "\xff\xfe",
	}
	for range 2 {
		for _, name := range names {
			g.expect(fmt.Sprintf("%.20q", name), g.client(name), "strict.example.com", 0, "")
		}
		rotate()
		g.publish()
		g.expect("after a rotation", g.client("strict.example.com"), "strict.example.com", 200, "strict.example.com")
	}
	if after := g.server.Sessions(); len(before) != 1 || len(after) != 1 || !before[0].Since.Equal(after[0].Since) {
		t.Errorf("a server name ended the session: before %+v, after %+v", before, after)
	}
}

// TestEnvoyForgetsUnknownNames has clients ask for many more names that no host has than a session may have at a time: the
// session stays, and hosts are served.
func TestEnvoyForgetsUnknownNames(t *testing.T) {
	const names, atOnce = 1000, 20
	g := onDemandRig(t, session.Limits{Names: 100})
	g.expect("before", g.client("a.example.com"), "a.example.com", 200, "a.example.com")
	before := g.server.Sessions()
	var clients sync.WaitGroup
	for c := range atOnce {
		clients.Go(func() {
			for i := range names / atOnce {
				name := fmt.Sprintf("unknown-%d-%d.example.org", c, i)
				if status, _ := answer(t, g.client(name), name); status != 0 {
					t.Errorf("%s is answered with %d", name, status)
				}
			}
		})
	}
	clients.Wait()
	after := g.server.Sessions()
	if len(before) != 1 || len(after) != 1 || !before[0].Since.Equal(after[0].Since) {
		t.Errorf("sessions before %+v, after %+v", before, after)
	}
	g.expect("after", g.client("b.example.com"), "b.example.com", 200, "b.example.com")
}

// TestEnvoyMovesHostsBetweenChains has a wildcard host come and go above hosts on demand, with connections open.
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
