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

// Backends that demand a certificate get the one of the configuration. It is turned on, rotated and replaced by another Secret under
// load without a lost request; while it cannot be used, routes to backends with TLS answer 503 and say why, and others are served.
func TestEnvoyShowsItsCertificateToBackends(t *testing.T) {
	const class, host, namespace = "shown", "shown.example", "projectcontour"
	operator := &fixture{t: t, s: shared, namespace: namespace}
	configure := func(secret string) {
		t.Helper()
		operator.apply(`
apiVersion: projectcontour.io/v1alpha1
kind: ContourConfiguration
metadata: {name: %s}
spec: {envoy: {clientCertificate: {name: %s, namespace: %s}}}
`, class, secret, namespace)
	}
	ca := operator.authority("backends")
	shows := func(secret, name string) {
		t.Helper()
		pair, err := ca.Issue(pki.Request{CommonName: name, Names: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		object, err := kube.TLSSecret(namespace, secret, pair)
		if err != nil {
			t.Fatal(err)
		}
		operator.applyObjects(object)
	}
	shows("shown-first", "envoy-1")
	configure("shown-first")
	f := newFixture(t, beside(t, class, testsystem.Options{ServeArgs: []string{"--contour-config-name=" + class}}))
	f.service("vault", f.demanding(ca, "vault"))
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
`, class, host)
	request, plain := traffic.Request{Host: host, Timeout: 2 * time.Second}, traffic.Request{Host: host, Path: "/plain"}
	knows := func(name string) {
		t.Helper()
		f.until(request, func(a traffic.Answer) string {
			if a.Echo == nil || a.Echo.TLS == nil || a.Echo.TLS.ClientName != name {
				return fmt.Sprintf("%s, want an answer to %s", a, name)
			}
			return ""
		})
	}
	knows("envoy-1")
	l := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: request, Rate: 200, Check: ok})
	for i := range 40 {
		name := fmt.Sprint("rotated-", i)
		shows("shown-first", name)
		f.service("vault", f.demanding(ca, "vault")) // a new server gets new connections
		knows(name)
	}
	shows("shown-second", "envoy-2")
	configure("shown-second")
	knows("envoy-2")
	if report := l.Stop(); !report.Lossless(100) {
		t.Errorf("requests were lost:\n%s", report)
	}

	configure("shown-missing")
	f.status(request, 503)
	f.runSteps(scenario.Step{Name: "the status says why", Objects: []scenario.Object{{
		Target: scenario.Target{APIVersion: "projectcontour.io/v1", Kind: "HTTPProxy", Name: "a", Namespace: f.namespace},
		Has: map[string]any{"status": map[string]any{"currentStatus": "invalid", "conditions": []any{
			map[string]any{"type": "Valid", "errors": []any{map[string]any{"type": "TLSError", "reason": "SecretNotValid"}}},
		}}},
	}}})
	f.answered(plain, "shop")
	shows("shown-missing", "envoy-3")
	knows("envoy-3")
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
