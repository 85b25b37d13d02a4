package pipeline

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	xdsfleet "contour.example/contour/internal/xds/fleet"
)

// No host is ever published that reaches without TLS a Service that has a BackendTLSPolicy in each state of the cluster, however the
// change is sliced: when the policy comes with the routes, and when another policy replaces it.
func TestNoSliceReachesAServiceWithAPolicyInPlainText(t *testing.T) {
	const n = 40
	policy := func(name string, age int) store.Change {
		system := gatewayv1.WellKnownCACertificatesSystem
		o := &gatewayv1.BackendTLSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, CreationTimestamp: metav1.NewTime(stagetest.Now().Add(time.Duration(age) * time.Minute))}}
		o.Spec.TargetRefs = []gatewayv1.LocalPolicyTargetReferenceWithSectionName{{LocalPolicyTargetReference: gatewayv1.LocalPolicyTargetReference{Kind: "Service", Name: "a"}}}
		o.Spec.Validation.Hostname, o.Spec.Validation.WellKnownCACertificates = gatewayv1.PreciseHostname(name+".example.com"), &system
		return store.Change{Key: kobj.Of(kobj.BackendTLSPolicy, "team", name), Object: o}
	}
	all, infra, port := gatewayv1.NamespacesFromAll, gatewayv1.Namespace("infra"), gatewayv1.PortNumber(80)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "a"}}
	service.Spec.Ports = []corev1.ServicePort{{Port: 80}}
	base := []store.Change{
		{Key: kobj.Of(kobj.GatewayClass, "", "contour"), Object: &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "contour"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: "x.io/x"}}},
		{Key: kobj.Of(kobj.Gateway, "infra", "web"), Object: &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "web"}, Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "contour", Listeners: []gatewayv1.Listener{{Name: "l", Port: 80, Protocol: "HTTP", AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &all}}}},
		}}},
		{Key: kobj.Of(kobj.Service, "team", "a"), Object: service},
	}
	var routes []store.Change
	for i := range n {
		r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: fmt.Sprint("r", i)}}
		r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "web", Namespace: &infra}}
		r.Spec.Hostnames = []gatewayv1.Hostname{gatewayv1.Hostname(fmt.Sprintf("h%d.example", i))}
		r.Spec.Rules = []gatewayv1.HTTPRouteRule{{BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{Name: "a", Port: &port}}}}}}
		routes = append(routes, store.Change{Key: kobj.Of(kobj.HTTPRoute, "team", r.Name), Object: r})
	}
	deleted := store.Change{Key: kobj.Of(kobj.BackendTLSPolicy, "team", "old")}
	for name, batches := range map[string][][]store.Change{
		"a policy and its routes":                   {base, slices.Concat([]store.Change{policy("old", 0)}, routes)},
		"routes and their policy":                   {base, slices.Concat(routes, []store.Change{policy("old", 0)})},
		"the deletion of the older of two policies": {slices.Concat(base, []store.Change{policy("old", 0), policy("young", 1)}, routes), {deleted}},
		"another policy in place of one":            {slices.Concat(base, []store.Change{policy("old", 0)}, routes), {deleted, policy("new", 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			c := config.Default()
			c.Gateways.ControllerName = "x.io/x"
			c.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
			clock := stagetest.Now()
			p := New(Options{Config: c, Fleets: xdsfleet.New(nil), Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
				clock = clock.Add(slice / 4)
				return clock
			}})
			in := make(chan []store.Change, 1)
			in <- batches[0]
			end := sync.OnceFunc(func() { close(in) })
			plain, iteration := map[string]int{}, 0
			p.Run(t.Context(), in, nil, func(r Result) {
				for _, h := range r.Hosts {
					if h.New == nil || *h.New == nil {
						continue
					}
					for _, route := range (*h.New).Routes {
						if f := route.Forward; f != nil && (f.Backends[0].Cluster.Protocol == ir.ProtocolHTTP1 || f.Backends[0].Cluster.Protocol == ir.ProtocolH2C) {
							plain[h.Key.Hostname]++
						}
					}
				}
				if iteration++; iteration == 1 {
					in <- batches[1]
				} else if !p.unfinished() {
					end()
				}
			})
			if len(plain) > 0 {
				t.Errorf("%d of %d hosts were published without TLS to the Service, in %d iterations", len(plain), n, iteration)
			}
		})
	}
}
