//go:build local

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"contour.example/harness/scenario"
	"contour.example/harness/traffic"
)

// maxAnnotations is the API server's limit for all annotations of an object, names and values, in bytes.
const maxAnnotations = 256 << 10

// An annotation of 1 MB is rejected by the API server; the largest that it admits does no harm, and its
// error is reported in a short message.
func TestLargestAnnotation(t *testing.T) {
	f := newFixture(t, shared)
	const name = "projectcontour.io/response-timeout"
	f.service("shop", f.server("shop", "0"))
	ingress := func(size int) string {
		return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, annotations: {%s: %q}}
spec:
  rules:
  - host: annotation.example
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]
`, name, strings.Repeat("x", size))
	}
	_, err := f.s.Kube.ApplyYAML(t.Context(), f.namespace, ingress(1<<20))
	if err == nil || !strings.Contains(err.Error(), "Too long") {
		t.Fatalf("an annotation of 1 MB: %v", err)
	}
	f.apply("%s", ingress(maxAnnotations-len(name)))
	f.answered(traffic.Request{Host: "annotation.example"}, "shop")
	f.runSteps(scenario.Step{
		Name: "an Event names the annotation and the beginning of its value",
		Events: []scenario.Event{{
			Target: scenario.Target{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Name: "i", Namespace: f.namespace},
			Reason: "AnnotationNotValid", Note: name,
		}},
	})
}

// runSteps checks what a scenario can check.
func (f *fixture) runSteps(steps ...scenario.Step) {
	f.t.Helper()
	if err := f.s.Scenarios(f.t.Logf).Run(f.t.Context(), scenario.Scenario{Name: f.t.Name(), Steps: steps}); err != nil {
		f.t.Fatal(err)
	}
}

// An HTTPProxy with 10,000 routes is served, and an error in one of them affects only that route. It is created and deleted
// as a whole: a change of so large an object takes the API server a quarter of a minute.
func TestTenThousandRoutes(t *testing.T) {
	f := newFixture(t, shared)
	f.service("shop", f.server("shop", "0"))
	const host, routes = "routes.example", 10_000
	path := func(i int) string { return fmt.Sprintf("/%05d", i) }
	var b strings.Builder
	for i := range routes {
		service := "shop"
		if i == routes/2 {
			service = "late"
		}
		fmt.Fprintf(&b, `{"conditions":[{"prefix":%q}],"services":[{"name":%q,"port":80}]},`, path(i), service)
	}
	start := time.Now()
	f.apply(`{"apiVersion":"projectcontour.io/v1","kind":"HTTPProxy","metadata":{"name":"a"},"spec":{"virtualhost":{"fqdn":%q},"routes":[%s]}}`,
		host, strings.TrimSuffix(b.String(), ","))
	applied := time.Now()
	for _, i := range []int{0, routes/2 - 1, routes - 1} {
		f.answered(traffic.Request{Host: host, Path: path(i) + "/x"}, "shop")
	}
	t.Logf("admitted after %s, served after %s more", applied.Sub(start).Round(time.Millisecond), time.Since(applied).Round(time.Millisecond))
	middle := traffic.Request{Host: host, Path: path(routes / 2)}
	f.status(middle, 503)
	proxy := scenario.Target{APIVersion: "projectcontour.io/v1", Kind: "HTTPProxy", Name: "a", Namespace: f.namespace}
	f.runSteps(scenario.Step{
		Name: "the status names the route",
		Objects: []scenario.Object{{Target: proxy, Has: map[string]any{"status": map[string]any{
			"currentStatus": "invalid",
			"conditions":    []any{map[string]any{"errors": []any{map[string]any{"reason": "ServiceUnresolvedReference"}}}},
		}}}},
	})
	f.service("late", f.server("late", "0"))
	f.answered(middle, "late")
	f.runSteps(scenario.Step{
		Name:     "a deleted HTTPProxy is not served",
		Delete:   []scenario.Target{proxy},
		Requests: []scenario.Request{{URL: "http://" + host + path(0), Want: scenario.Want{Status: 404}}},
	})
}
