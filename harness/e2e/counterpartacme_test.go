//go:build local && counterpart

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/net/dns/dnsmessage"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

// acmeHost is the host of the test.
const acmeHost = "acme.example"

// An ACME authority issues a certificate for a host and renews it, by HTTP-01 challenges that an Ingress for the host solves, as cert-manager
// makes it: on a host that redirects all other requests without TLS, and requires authorization. The certificate is served, and no
// request fails meanwhile.
func TestCounterpartACME(t *testing.T) {
	f := newFixture(t, shared)
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", acmeHost)
	authorizer := f.newAuthorizer(httpServer)
	f.extension("plain", "http/1.1", authorizer)
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: acme}
spec:
  virtualhost: {fqdn: %s, tls: {secretName: cert}, authorization: {%s}}
  routes: [{services: [{name: shop, port: 80}]}]
`, acmeHost, plainService)
	r := traffic.Request{Host: acmeHost, TLS: &traffic.TLS{}, Headers: http.Header{"X-Token": {"yes"}}, Timeout: 2 * time.Second}
	f.status(r, http.StatusOK)
	client := f.newAuthority()
	running := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: r, Rate: 50, Check: ok})
	serials := map[string]bool{}
	for range 2 { // the second one is the renewal
		serial := f.issue(client)
		f.until(r, func(a traffic.Answer) string {
			served := a.TLS.PeerCertificates[0]
			if served.SerialNumber.String() != serial || !strings.HasPrefix(served.Issuer.CommonName, "Pebble") {
				return fmt.Sprintf("the certificate %s of %s is served, want %s of Pebble", served.SerialNumber, served.Issuer.CommonName, serial)
			}
			return ""
		})
		serials[serial] = true
		f.status(traffic.Request{Host: acmeHost, Path: "/.well-known/acme-challenge/none"}, http.StatusMovedPermanently)
	}
	if report := running.Stop(); !report.Lossless(50) || len(serials) != 2 {
		t.Errorf("%d certificates; requests failed:\n%s", len(serials), report)
	}
}

// newAuthority starts an authority that finds every host at the HTTP listener of Envoy, and returns a client with an account.
func (f *fixture) newAuthority() *acme.Client {
	f.t.Helper()
	names := f.nameServer()
	dir := f.t.TempDir()
	authority := f.newCounterpart("pebble", func(at netip.AddrPort) []string {
		own, err := f.s.CA.Server(at.Addr().String())
		if err != nil {
			f.t.Fatal(err)
		}
		certificate, key, err := own.Write(dir, "pebble")
		if err != nil {
			f.t.Fatal(err)
		}
		_, port, err := net.SplitHostPort(f.s.Traffic.HTTP)
		if err != nil {
			f.t.Fatal(err)
		}
		http, err := strconv.Atoi(port)
		if err != nil {
			f.t.Fatal(err)
		}
		text, err := json.Marshal(map[string]any{"pebble": map[string]any{
			"listenAddress": at.String(), "certificate": certificate, "privateKey": key, "httpPort": http, "tlsPort": 1,
			"profiles": map[string]any{"default": map[string]any{"validityPeriod": 7776000}},
		}})
		if err != nil {
			f.t.Fatal(err)
		}
		config := filepath.Join(dir, "pebble.json")
		if err := os.WriteFile(config, text, 0o600); err != nil {
			f.t.Fatal(err)
		}
		return []string{"-config", config, "-dnsserver", names}
	}, "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0") // it asks at once, and for each certificate
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	trust := &tls.Config{RootCAs: f.s.CA.Pool(), MinVersion: tls.VersionTLS12}
	client := &acme.Client{
		Key: key, DirectoryURL: "https://" + authority.address.String() + "/dir",
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: trust}},
	}
	if _, err := client.Register(f.t.Context(), &acme.Account{}, acme.AcceptTOS); err != nil {
		f.t.Fatal(err)
	}
	return client
}

// nameServer starts a DNS server, over TCP as the authority asks it, that knows every name as that of Envoy, and returns its address.
func (f *fixture) nameServer() string {
	f.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for answerName(conn) == nil { //nolint:revive // each call answers a question
				}
			}()
		}
	}()
	return l.Addr().String()
}

// answerName answers the next question of a connection: with 127.0.0.1 if it is for an IPv4 address, else with nothing.
func answerName(conn net.Conn) error {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	question := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, question); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return err
	}
	m.Response, m.Additionals = true, nil
	for _, q := range m.Questions {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			})
		}
	}
	answer, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

// issue gets a certificate for the host, puts it into the Secret of the host, and returns its serial number.
func (f *fixture) issue(client *acme.Client) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(acmeHost))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, uri := range order.AuthzURLs {
		f.solve(ctx, client, uri)
	}
	uri := order.URI // only the answer to the first request has it
	if order, err = client.WaitOrder(ctx, uri); err != nil {
		f.t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{acmeHost}}, key)
	if err != nil {
		f.t.Fatal(err)
	}
	chain, _, err := client.CreateOrderCert(ctx, order.FinalizeURL, request, true)
	if err != nil { // the order is in process, and the client does not know its URI any more
		if order, err = client.WaitOrder(ctx, uri); err == nil {
			chain, err = client.FetchCert(ctx, order.CertURL, true)
		}
	}
	if err != nil {
		f.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	pair := pki.Pair{Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}
	for _, der := range chain {
		pair.Cert = append(pair.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	secret, err := kube.TLSSecret(f.namespace, "cert", pair)
	if err != nil {
		f.t.Fatal(err)
	}
	f.applyObjects(secret)
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		f.t.Fatal(err)
	}
	return leaf.SerialNumber.String()
}

// solve proves by an Ingress that the host is ours, for the authorization of an order, unless that is valid already.
func (f *fixture) solve(ctx context.Context, client *acme.Client, uri string) {
	f.t.Helper()
	authorization, err := client.GetAuthorization(ctx, uri)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, challenge := range authorization.Challenges {
		if challenge.Type != "http-01" || authorization.Status == acme.StatusValid {
			continue
		}
		text, err := client.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			f.t.Fatal(err)
		}
		f.solver(client.HTTP01ChallengePath(challenge.Token), text)
		if _, err := client.Accept(ctx, challenge); err != nil {
			f.t.Fatal(err)
		}
		if _, err := client.WaitAuthorization(ctx, uri); err != nil {
			f.t.Fatal(err)
		}
		ingress := kube.Ref{
			GroupVersionKind: schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}, Namespace: f.namespace, Name: "solver",
		}
		if err := f.s.Kube.Delete(ctx, ingress); err != nil {
			f.t.Fatal(err)
		}
	}
}

// solver answers requests for the path with the text, by an Ingress like those of cert-manager, and returns when it is served.
func (f *fixture) solver(path, text string) {
	f.t.Helper()
	ip, err := f.s.Addresses.IP()
	if err != nil {
		f.t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(f.t.Context(), "tcp", netip.AddrPortFrom(ip, 0).String())
	if err != nil {
		f.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, _ := strings.Cut(r.Host, ":"); r.URL.Path == path && host == acmeHost {
			_, _ = io.WriteString(w, text)
		}
	})}
	go func() { _ = server.Serve(l) }()
	f.t.Cleanup(func() { _ = server.Close() })
	at := netip.MustParseAddrPort(l.Addr().String())
	f.apply(`
apiVersion: v1
kind: Service
metadata: {name: solver}
spec: {ports: [{port: 8089, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: solver, labels: {kubernetes.io/service-name: solver}}
addressType: IPv4
ports: [{port: %d, protocol: TCP}]
endpoints: [{addresses: [%q], conditions: {ready: true}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: solver}
spec:
  ingressClassName: contour
  rules: [{host: %s, http: {paths: [{path: %s, pathType: ImplementationSpecific, backend: {service: {name: solver, port: {number: 8089}}}}]}}]
`, at.Port(), at.Addr().String(), acmeHost, path)
	f.until(traffic.Request{Host: acmeHost, Path: path}, func(a traffic.Answer) string {
		if string(a.Body) != text {
			return a.String() + ", want the answer of the challenge"
		}
		return ""
	})
}
