package pipeline_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/store"
)

// external makes the Service of the proxies one of type ExternalName.
func external(host string) *corev1.Service {
	s := service(0)
	s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, host
	return s
}

// resolved is the EndpointSlice that the source of names makes of the Service.
func resolved(problem string, addresses ...string) []store.Change {
	s := slice(0, "10.0.0.1")
	s.Name = "externalname:" + service(0).Name
	s.Endpoints = nil
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	if problem != "" {
		s.Annotations = map[string]string{kind.UnresolvedAnnotation: problem}
	}
	return change(s)
}

// A name is to be resolved while its Service is of that type and this is enabled; what was found decides what is served and what the
// object reports. A change of addresses derives no host.
func TestExternalNames(t *testing.T) {
	c := config.Default()
	sys := newSystem(t, c)
	p := proxy(0)
	r := sys.Step(slices.Concat(change(external("api.example.org")), change(service(1)), change(p)))
	if len(r.External) != 1 || r.External[0].New.Host != "" {
		t.Errorf("not enabled: to be resolved: %+v", r.External)
	}
	c.Names.ExternalServices = true
	r = sys.Configure(c)
	if len(r.External) != 1 || r.External[0].New.Host != "api.example.org" || len(r.External[0].New.Ports) != 1 {
		t.Errorf("to be resolved: %+v", r.External)
	}
	for _, step := range []struct {
		name   string
		change []store.Change
		status int
		warns  bool
	}{
		{name: "not attempted", status: 503},
		{name: "silent", change: resolved("is not resolved"), status: 503, warns: true},
		{name: "resolved", change: resolved("", "192.0.2.1"), status: 200},
		{name: "other addresses", change: resolved("", "192.0.2.2", "192.0.2.3"), status: 200},
		{name: "loopback", change: resolved("", "127.0.0.1"), status: 503},
		{name: "stale", change: resolved("is not resolved", "192.0.2.1"), status: 200, warns: true},
	} {
		r := sys.Step(step.change)
		if got := must(sys.model(t).Send(semantic.Request{Host: p.Spec.VirtualHost.Fqdn}))(t); got.Status != step.status {
			t.Errorf("%s: status %d, want %d", step.name, got.Status, step.status)
		}
		if len(r.Hosts) > 0 {
			t.Errorf("%s: %d hosts changed", step.name, len(r.Hosts))
		}
		warns := slices.ContainsFunc(diagnosticsOf(sys, p), func(d report.Diagnostic) bool {
			return d.Severity == report.Warning && d.Reason == report.ServiceUnresolvedReference
		})
		if warns != step.warns {
			t.Errorf("%s: warning is %t", step.name, warns)
		}
	}
	r = sys.Step(change(service(0)))
	if len(r.External) != 1 || r.External[0].New != nil {
		t.Errorf("not of the type any more: %+v", r.External)
	}
}
