package ingress_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// root returns the result for an Ingress in a store without other objects.
func root(ing *networkingv1.Ingress, c config.Config) contrib.Root {
	key := kobj.Of(kobj.Ingress, "default", "it")
	return compile([]store.Change{{Key: key, Object: ing}}, c)[key.Name]
}

func toService(name string, port int32) *networkingv1.IngressBackend {
	return &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: name, Port: networkingv1.ServiceBackendPort{Number: port},
	}}
}

func TestConfiguredClasses(t *testing.T) {
	c := config.Default()
	c.Objects.IngressClassNames = []string{"blue", "green"}
	for class, served := range map[string]bool{"blue": true, "green": true, "contour": false, "": false} {
		ing := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{IngressClassName: &class, DefaultBackend: toService("web", 80)}}
		got := root(ing, c)
		if (len(got.Contributions) > 0) != served || (len(got.Report.Visited) > 0) != served {
			t.Errorf("class %q: contributes and is visited: want %t, got %+v", class, served, got)
		}
	}
}

func TestConfigurationLimitsTLSVersions(t *testing.T) {
	for _, row := range []struct {
		name            string
		lowest, highest ir.TLSVersion
		annotation      string
		value           string
		reason          report.Reason
		diagnostics     int
	}{
		{"configuration above the annotation", ir.TLS13, ir.TLS13, "projectcontour.io/tls-maximum-protocol-version", "1.2", report.TLSConfigNotValid, 1},
		{"no maximum configured", ir.TLS12, ir.TLSDefault, "projectcontour.io/tls-maximum-protocol-version", "1.2", "", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := config.Default()
			c.TLS.Min, c.TLS.Max = row.lowest, row.highest
			ing := &networkingv1.Ingress{
				ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{row.annotation: row.value}},
				Spec:       networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: []string{"a.example.com"}, SecretName: "gone"}}},
			}
			found := 0
			for _, d := range root(ing, c).Report.Diagnostics {
				if d.Reason == row.reason {
					found++
				}
			}
			if found != row.diagnostics {
				t.Errorf("diagnostics with reason %q: want %d, got %d", row.reason, row.diagnostics, found)
			}
		})
	}
}

func TestMessagesShortenLargeValues(t *testing.T) {
	large := strings.Repeat("é<", 500_000)
	ing := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{
			"projectcontour.io/retry-on":         large,
			"projectcontour.io/num-retries":      large,
			"projectcontour.io/response-timeout": large,
			"projectcontour.io/websocket-routes": large,
			"projectcontour.io/" + large:         large,
		}},
		Spec: networkingv1.IngressSpec{
			TLS:            []networkingv1.IngressTLS{{Hosts: []string{large}, SecretName: large}},
			DefaultBackend: toService(large, 80),
			Rules:          []networkingv1.IngressRule{{Host: large}},
		},
	}
	got := root(ing, config.Default()).Report.Diagnostics
	if len(got) < 8 {
		t.Errorf("want a diagnostic for each of the values, got %d", len(got))
	}
	for _, d := range got {
		if n := utf8.RuneCountInString(d.Message) + utf8.RuneCountInString(d.Field); n > 1200 {
			t.Errorf("%s: diagnostic of %d runes", d.Reason, n)
		}
	}
}

func TestSubMillisecondTimeoutIsNotUnlimited(t *testing.T) {
	ing := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"projectcontour.io/response-timeout": "1ns"}},
		Spec:       networkingv1.IngressSpec{DefaultBackend: toService("web", 80)},
	}
	key := kobj.Of(kobj.Ingress, "default", "it")
	web := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	objects := []store.Change{{Key: kobj.Of(kobj.Service, "default", "web"), Object: web}, {Key: key, Object: ing}}
	got := compile(objects, config.Default())[key.Name].Contributions[0].Routes[0].Forward.Timeout
	if diff := cmp.Diff(ir.Timeout{Duration: time.Millisecond}, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzRoot checks that every Ingress is served or has a diagnostic, and that Envoy accepts the paths that are served.
func FuzzRoot(f *testing.F) {
	f.Add("example.com", "/", "Prefix", "web", "", int32(80), "projectcontour.io/retry-on", "5xx", "cert")
	f.Add("*.Example.com", "/v[0-9]+/(a|b)*", "ImplementationSpecific", "gone", "http", int32(0), "projectcontour.io/response-timeout", "9223372036s", "vault/cert")
	f.Add("", "//", "Prefix", "web", "", int32(65536), "kubernetes.io/ingress.allow-http", "false", "")
	f.Add("*", "/(?i:é){1000}+", "ImplementationSpecific", "", "", int32(-1), "projectcontour.io/tls-minimum-protocol-version", "1.3", "/")
	f.Fuzz(func(t *testing.T, host, path, kind, service, portName string, port int32, annotation, value, secret string) {
		backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: service, Port: networkingv1.ServiceBackendPort{Name: portName, Number: port},
		}}
		pathType := networkingv1.PathType(kind)
		got := root(&networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{annotation: value}},
			Spec: networkingv1.IngressSpec{
				TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: secret}, {SecretName: secret}},
				Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
					HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: path, PathType: &pathType, Backend: backend}}},
				}}},
			},
		}, config.Default())
		if len(got.Report.Visited) == 0 {
			return // the class of another controller
		}
		if len(got.Report.Diagnostics) == 0 {
			t.Error("neither the Service nor the Secret exists, but there is no diagnostic")
		}
		for _, c := range got.Contributions {
			for _, r := range c.Routes {
				checkRoute(t, &r)
			}
		}
	})
}

func checkRoute(t *testing.T, r *ir.Route) {
	t.Helper()
	if (r.Forward != nil) == (r.Direct != nil || r.Redirect != nil) {
		t.Errorf("not exactly one action: %+v", r)
	}
	switch p := r.Match.Path; p.Kind {
	case ir.PathRegex:
		if _, err := regexp.Compile(p.Value); err != nil {
			t.Error(err)
		}
	case ir.PathSegment:
		if !regexp.MustCompile(`^[^?#]+[^?#/]$`).MatchString(p.Value) {
			t.Errorf("Envoy rejects the path %q", p.Value)
		}
	case ir.PathPrefix, ir.PathExact:
		if !strings.HasPrefix(p.Value, "/") {
			t.Errorf("the path %q does not start with /", p.Value)
		}
	}
}
