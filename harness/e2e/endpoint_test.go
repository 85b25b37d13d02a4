//go:build local

package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/traffic"
)

// When the address in an EndpointSlice changes, as it does when a pod is replaced, requests are routed to
// the new one, and Envoy receives that one resource and nothing else.
func TestEndpointSliceChanges(t *testing.T) {
	f := newFixture(t, shared)
	f.service("shop", f.server("shop", "first"))
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: a}
spec:
  virtualhost: {fqdn: endpoints.example}
  routes: [{services: [{name: shop, port: 80}]}]
`)
	answers := func(instance string) {
		t.Helper()
		f.until(traffic.Request{Host: "endpoints.example"}, func(a traffic.Answer) string {
			if a.Echo == nil || a.Echo.Instance != instance {
				return a.String()
			}
			return ""
		})
	}
	answers("first")
	endpoints := "cluster." + f.namespace
	before, sent := f.updates(endpoints), f.sent()
	f.service("shop", f.server("shop", "second"))
	answers("second")
	if got := f.sent() - sent; got != 1 {
		t.Errorf("%d resources were sent, want 1", got)
	}
	if diff := cmp.Diff(before, f.updates(endpoints)); diff != "" {
		t.Errorf("more than endpoints was updated (-before +after):\n%s", diff)
	}
}
