//go:build kind

package kind

import (
	"context"
	"fmt"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

// switches is how often the Service of the route changes.
const switches = 50

// routeSwitches changes the Service of a route, each time to a new one.
func routeSwitches() types.Feature {
	var f fixture
	return features.New("route switches").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.begin(ctx, t, "switch")
			return ctx
		}).
		Assess("a route that moves to a new Service, whose old one is deleted, loses no request", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				for i := range switches {
					f.moveOn(ctx, t, i)
				}
			})
			return ctx
		}).Feature()
}

// moveOn creates Service shop-I, routes to it once it has endpoints, and deletes the previous one as soon as requests observe that.
func (f *fixture) moveOn(ctx context.Context, t *testing.T, i int) {
	t.Helper()
	app := []string{"two", "one"}[i%2]
	f.apply(ctx, t, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: shop-%d}
spec:
  selector: {app: %s}
  ports: [{port: 80, targetPort: 8080}]
`, i, app))
	f.endpoints(ctx, t, fmt.Sprintf("shop-%d", i), 2)
	f.apply(ctx, t, fmt.Sprintf(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: shop}
spec:
  virtualhost: {fqdn: "shop.${DOMAIN}", tls: {secretName: cert}}
  routes: [{permitInsecure: true, services: [{name: shop-%d, port: 80}]}]
`, i))
	f.answered(ctx, t, traffic.Request{Host: f.host("shop")}, by(app))
	if i > 0 {
		must(t, f.kube.Delete(ctx, f.ref("v1", "Service", fmt.Sprintf("shop-%d", i-1))))
	}
}

// endpoints waits until a Service has that many.
func (f *fixture) endpoints(ctx context.Context, t *testing.T, service string, want int) {
	t.Helper()
	selector := metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service}
	must(t, poll.Until(ctx, seen, "endpoints of "+service, func(ctx context.Context) (bool, string, error) {
		slices, err := f.api.DiscoveryV1().EndpointSlices(f.namespace).List(ctx, selector)
		if err != nil {
			return false, err.Error(), nil
		}
		n := 0
		for _, s := range slices.Items {
			n += len(s.Endpoints)
		}
		return n == want, fmt.Sprintf("%d, want %d", n, want), nil
	}))
}
