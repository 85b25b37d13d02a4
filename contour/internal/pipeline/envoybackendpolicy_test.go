//go:build envoy

package pipeline_test

import (
	"net/http"
	"os"
	"slices"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// Envoy serves no request from a backend whose certificate is not as the policy demands; each edit of the policy applies to new
// requests, and Envoy rejects none.
func TestBackendTLSPolicyOnEnvoy(t *testing.T) {
	authorities, err := os.ReadFile("testdata/authority.pem")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Gateways = gatewayConfig("127.100.0.0/24").Gateways
	f := startFleet(t)
	world := slices.Concat([]store.Change{
		gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"127.100.0.1"}, nil, "8080"),
		forwarding("route", "infra/web", "a.example", "service-0"), authoritiesIn("team", "ca", string(authorities)),
		authoritiesIn("team", "wrong", bundle(t)),
	}, change(service(0)), change(slice(0, "10.0.0.1")))
	system := gatewayv1.WellKnownCACertificatesSystem
	valid := func(v *gatewayv1.BackendTLSPolicyValidation) { v.Hostname = "backend.example.com" }
	for _, c := range []struct {
		name   string
		edit   func(*gatewayv1.BackendTLSPolicyValidation)
		status int
	}{
		{"valid", valid, http.StatusOK},
		{"another hostname", func(v *gatewayv1.BackendTLSPolicyValidation) { v.Hostname = "other.example.com" }, http.StatusServiceUnavailable},
		{"a name that the certificate has", func(v *gatewayv1.BackendTLSPolicyValidation) {
			v.Hostname = "other.example.com"
			v.SubjectAltNames = []gatewayv1.SubjectAltName{{Type: "URI", URI: "spiffe://x/y"}, {Type: "Hostname", Hostname: "backend.example.com"}}
		}, http.StatusOK},
		{"a URI that it does not have", func(v *gatewayv1.BackendTLSPolicyValidation) {
			v.Hostname = "backend.example.com"
			v.SubjectAltNames = []gatewayv1.SubjectAltName{{Type: "URI", URI: "spiffe://x/y"}}
		}, http.StatusServiceUnavailable},
		{"other authorities", func(v *gatewayv1.BackendTLSPolicyValidation) { valid(v); v.CACertificateRefs[0].Name = "wrong" }, http.StatusServiceUnavailable},
		{"the authorities of the machine", func(v *gatewayv1.BackendTLSPolicyValidation) {
			valid(v)
			v.CACertificateRefs, v.WellKnownCACertificates = nil, &system
		}, http.StatusServiceUnavailable},
		{"no authorities", func(v *gatewayv1.BackendTLSPolicyValidation) { valid(v); v.CACertificateRefs[0].Name = "missing" }, http.StatusInternalServerError},
		{"valid again", valid, http.StatusOK},
	} {
		p := policyOf("team", "policy", 0, "service-0")
		c.edit(&p.Object.(*gatewayv1.BackendTLSPolicy).Spec.Validation)
		f.replace(t, stagetest.Case{Objects: append(slices.Clone(world), p), Config: cfg})
		t.Log(c.name)
		want := stagetest.Expectation{Status: c.status}
		if c.status == http.StatusOK {
			want.From = []stagetest.Backend{{Service: "team/service-0", Protocol: "tls"}}
		}
		f.checkAnswer(t, stagetest.Check{Request: semantic.Request{To: "127.100.0.1:8080", Host: "a.example", Path: "/"}, Answer: want})
	}
}
