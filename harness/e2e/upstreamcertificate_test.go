//go:build local

package e2e

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/pki"
	"contour.example/harness/scenario"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// Backends that demand a certificate get the one of the configuration. It is rotated and replaced by that of another Secret under
// load without a lost request; while it cannot be used, routes to backends with TLS answer 503 and say why, and others are served.
func TestEnvoyShowsItsCertificateToBackends(t *testing.T) {
	o := &operator{fixture: &fixture{t: t, s: shared, namespace: "projectcontour"}, class: "shown"}
	o.ca = o.authority("backends")
	o.certificate("shown-first", "envoy-1")
	o.configure("shown-first")
	f := newFixture(t, beside(t, o.class, testsystem.Options{ServeArgs: []string{"--contour-config-name=" + o.class}}))
	const host = "shown.example"
	f.service("vault", f.demanding(o.ca, "vault"))
	f.service("shop", f.server("shop", "0"))
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: a}
spec:
  ingressClassName: %s
  virtualhost: {fqdn: %s}
  routes:
  - {conditions: [{prefix: /}], services: [{name: vault, port: 80, protocol: tls}]}
  - {conditions: [{prefix: /plain}], services: [{name: shop, port: 80}]}
`, o.class, host)
	request, plain := traffic.Request{Host: host, Timeout: 2 * time.Second}, traffic.Request{Host: host, Path: "/plain"}
	f.shown(request, "envoy-1")
	l := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: request, Rate: 200, Check: ok})
	for i := range 40 {
		name := fmt.Sprint("rotated-", i)
		o.certificate("shown-first", name)
		f.service("vault", f.demanding(o.ca, "vault")) // a new server gets new connections
		f.shown(request, name)
	}
	o.certificate("shown-second", "envoy-2")
	o.configure("shown-second")
	f.shown(request, "envoy-2")
	if report := l.Stop(); !report.Lossless(100) {
		t.Errorf("requests were lost:\n%s", report)
	}

	o.configure("shown-missing")
	f.status(request, 503)
	f.runSteps(scenario.Step{Name: "the status says why", Objects: []scenario.Object{{
		Target: scenario.Target{APIVersion: "projectcontour.io/v1", Kind: "HTTPProxy", Name: "a", Namespace: f.namespace},
		Has: map[string]any{"status": map[string]any{"currentStatus": "invalid", "conditions": []any{
			map[string]any{"type": "Valid", "errors": []any{map[string]any{"type": "TLSError", "reason": "SecretNotValid"}}},
		}}},
	}}})
	f.answered(plain, "shop")
	o.certificate("shown-missing", "envoy-3")
	f.shown(request, "envoy-3")
}

// operator configures a controller of a class, and its certificate for backends.
type operator struct {
	*fixture
	class string
	ca    *pki.CA
}

// configure makes Envoy show the certificate of a Secret.
func (o *operator) configure(secret string) {
	o.t.Helper()
	o.apply(`
apiVersion: projectcontour.io/v1alpha1
kind: ContourConfiguration
metadata: {name: %s}
spec: {envoy: {clientCertificate: {name: %s, namespace: %s}}}
`, o.class, secret, o.namespace)
}

// certificate creates or updates a Secret with a new certificate of that name.
func (o *operator) certificate(secret, name string) {
	o.t.Helper()
	pair, err := o.ca.Issue(pki.Request{CommonName: name, Names: []string{name}})
	if err != nil {
		o.t.Fatal(err)
	}
	object, err := kube.TLSSecret(o.namespace, secret, pair)
	if err != nil {
		o.t.Fatal(err)
	}
	o.applyObjects(object)
}

// shown waits until the backend says that Envoy showed it the certificate of that name.
func (f *fixture) shown(request traffic.Request, name string) {
	f.t.Helper()
	f.until(request, func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.TLS == nil || a.Echo.TLS.ClientName != name {
			return fmt.Sprintf("%s, want an answer to %s", a, name)
		}
		return ""
	})
}

// demanding starts a backend with TLS that demands certificates of the authority.
func (f *fixture) demanding(ca *pki.CA, service string) *backend.Server {
	f.t.Helper()
	own, err := ca.Server(service)
	if err != nil {
		f.t.Fatal(err)
	}
	pair, err := own.TLS()
	if err != nil {
		f.t.Fatal(err)
	}
	ip, err := f.s.Addresses.IP()
	if err != nil {
		f.t.Fatal(err)
	}
	server, err := backend.HTTP(backend.Options{Service: service, Listen: netip.AddrPortFrom(ip, 0), TLS: &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = server.Close() })
	return server
}
