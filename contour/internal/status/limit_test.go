package status_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
)

func proxy(name string) (kobj.Key, store.Change) {
	k := kobj.Of(kobj.HTTPProxy, "default", name)
	p := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Generation: 1}}
	p.Spec.VirtualHost = &contourv1.VirtualHost{Fqdn: name + ".example.com"}
	return k, store.Change{Key: k, Object: p}
}

func envoyService(ip string) store.Change {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "projectcontour", Name: "envoy"}}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: ip}}
	return store.Change{Key: kobj.Of(kobj.Service, "projectcontour", "envoy"), Object: s}
}

// desired returns the status of an HTTPProxy with these diagnostics.
func desired(t *testing.T, diagnostics []report.Diagnostic) *status.Desired {
	t.Helper()
	f := newFixture(config.Default())
	k, c := proxy("a")
	for i := range diagnostics {
		diagnostics[i].Object = k
	}
	f.store.Apply([]store.Change{c})
	f.compiled.Set(k, compile.Object{Visited: true, Diagnostics: diagnostics})
	f.engine.Run()
	d, _ := f.status.Desired.Peek(k)
	return d
}

func TestStatusIsLimitedAndContainsEveryReason(t *testing.T) {
	t.Parallel()
	var diagnostics []report.Diagnostic
	for i := range 10_000 {
		diagnostics = append(diagnostics, report.Diagnostic{
			Type: report.TypeService, Reason: report.ServiceUnresolvedReference,
			Field: fmt.Sprintf("spec.routes[%d].services[0]", i), Message: `Service "default/x" does not exist.`,
		})
	}
	diagnostics = append(diagnostics, report.Diagnostic{
		Type: report.TypeTLS, Reason: report.SecretNotValid, Field: "spec.virtualhost.tls.secretName", Message: "No Secret.",
	})
	d := desired(t, diagnostics)
	valid := d.HTTPProxy().Conditions[0]
	if len(valid.Errors) != 2 || valid.Errors[1].Type != string(report.TypeTLS) {
		t.Fatalf("errors = %+v, want one sub-condition for each type", valid.Errors)
	}
	services := valid.Errors[0].Message
	if n := strings.Count(services, "does not exist."); n != 15 {
		t.Errorf("%d errors of the Service, want 15 and one of TLS", n)
	}
	if !strings.HasSuffix(services, " And 9985 more.") {
		t.Errorf("message ends with %q", services[len(services)-40:])
	}
	if !strings.Contains(valid.Message, "10001 errors") || len(d.Diagnostics) != 10_001 {
		t.Errorf("message %q, %d diagnostics", valid.Message, len(d.Diagnostics))
	}
}

func TestMessagesAreLimitedAndValidUTF8(t *testing.T) {
	t.Parallel()
	d := desired(t, []report.Diagnostic{
		{Type: report.TypeRoute, Reason: report.RequestHeadersPolicyInvalid, Field: "f", Message: strings.Repeat("ü", 1<<20)},
		{Type: report.TypeEnvoy, Reason: report.RejectedByEnvoy, Message: "bad \xff byte."},
	})
	for _, e := range d.HTTPProxy().Conditions[0].Errors {
		if len(e.Message) > 1024 || !utf8.ValidString(e.Message) {
			t.Errorf("message of %d bytes, valid %t", len(e.Message), utf8.ValidString(e.Message))
		}
	}
}

func TestOnlyStatusesOfChangedObjectsAreDerived(t *testing.T) {
	t.Parallel()
	f := newFixture(config.Default())
	batch := []store.Change{envoyService("192.0.2.1")}
	for i := range 100 {
		k, c := proxy(fmt.Sprint("p", i))
		batch = append(batch, c)
		f.compiled.Set(k, compile.Object{Visited: true})
	}
	f.store.Apply(batch)
	f.engine.Run()
	if n := len(f.status.Desired.Changes()); n != 100 {
		t.Fatalf("%d statuses, want 100", n)
	}

	k, _ := proxy("p7")
	f.compiled.Set(k, compile.Object{Visited: true, Diagnostics: []report.Diagnostic{{Object: k, Type: report.TypeRoute, Message: "Bad."}}})
	before := f.engine.Runs()
	f.engine.Run()
	if runs, changes := f.engine.Runs()-before, f.status.Desired.Changes(); runs != 2 || len(changes) != 1 || changes[0].Key != k {
		t.Errorf("one object: %d derivations, %d changes", runs, len(changes))
	}

	f.store.Apply([]store.Change{envoyService("192.0.2.2")})
	f.engine.Run()
	if n := len(f.status.Desired.Changes()); n != 100 {
		t.Errorf("another address: %d changes, want all", n)
	}

	f.store.Apply([]store.Change{{Key: k}})
	f.engine.Run()
	if c := f.status.Desired.Changes(); len(c) != 1 || c[0].New != nil {
		t.Errorf("deleted: %+v", c)
	}
}
