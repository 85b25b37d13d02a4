package pipeline

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	xdsfleet "contour.example/contour/internal/xds/fleet"
)

// An edit of a Service that many HTTPRoutes of a namespace use is sliced.
func TestAnEditThatConcernsManyRoutesIsSliced(t *testing.T) {
	const n = 300
	c := config.Default()
	c.Gateways.ControllerName = "x.io/x"
	c.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	clock := stagetest.Now()
	p := New(Options{Config: c, Fleets: xdsfleet.New(nil), Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		clock = clock.Add(slice)
		return clock
	}})
	all := gatewayv1.NamespacesFromAll
	service := func(name string) store.Change {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "evil", Name: "a"}}
		s.Spec.Ports = []corev1.ServicePort{{Name: name, Port: 80}}
		return store.Change{Key: kobj.Of(kobj.Service, "evil", "a"), Object: s}
	}
	first := []store.Change{
		{Key: kobj.Of(kobj.GatewayClass, "", "contour"), Object: &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "contour"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: "x.io/x"}}},
		{Key: kobj.Of(kobj.Gateway, "infra", "web"), Object: &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "web"}, Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "contour", Listeners: []gatewayv1.Listener{{Name: "l", Port: 80, Protocol: "HTTP", AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &all}}}},
		}}},
		service("one"),
	}
	infra, port := gatewayv1.Namespace("infra"), gatewayv1.PortNumber(80)
	for i := range n {
		r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "evil", Name: fmt.Sprint("r", i)}}
		r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "web", Namespace: &infra}}
		r.Spec.Hostnames = []gatewayv1.Hostname{gatewayv1.Hostname(fmt.Sprintf("h%d.example", i))}
		rule := gatewayv1.HTTPRouteRule{}
		for j := range 128 {
			v := fmt.Sprint("/p", j)
			rule.Matches = append(rule.Matches, gatewayv1.HTTPRouteMatch{Path: &gatewayv1.HTTPPathMatch{Value: &v}})
		}
		rule.BackendRefs = []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{Name: "a", Port: &port}}}}
		r.Spec.Rules = []gatewayv1.HTTPRouteRule{rule}
		first = append(first, store.Change{Key: kobj.Of(kobj.HTTPRoute, "evil", r.Name), Object: r})
	}
	runs := func() map[string]uint64 {
		out := map[string]uint64{}
		for _, s := range p.Stats() {
			out[s.Table] = s.Runs
		}
		return out
	}
	batches := make(chan []store.Change, 2)
	batches <- first
	end := sync.OnceFunc(func() { close(batches) })
	var before map[string]uint64
	iteration := 0
	p.Run(t.Context(), batches, nil, func(r Result) {
		if iteration == 0 {
			before = runs()
			batches <- []store.Change{service("two")}
		} else {
			now := runs()
			if iteration == 1 && now["gatewayapi/routes"]-before["gatewayapi/routes"] >= n {
				t.Error("all routes of the tenant are derived in one slice")
			}
			if iteration == 4 {
				end()
			}
		}
		iteration++
	})
}

// What replaces listeners of Gateways is charged to their namespace.
func TestListenersOfGatewaysAreCharged(t *testing.T) {
	c := config.Default()
	c.Budgets.FilterChains = 1
	c.Gateways.ControllerName = "x.io/x"
	c.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	p := New(Options{Config: c, Fleets: xdsfleet.New(nil), Log: slog.New(slog.DiscardHandler), Now: stagetest.Now})
	p.Step([]store.Change{{Key: kobj.Of(kobj.GatewayClass, "", "contour"), Object: &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "contour"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: "x.io/x"}}}})
	published := 0
	for i := range 100 {
		g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "evil", Name: "web"}, Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "contour", Addresses: []gatewayv1.GatewaySpecAddress{{Value: fmt.Sprintf("10.0.0.%d", i%2+1)}},
		}}
		for j := range 64 {
			h := gatewayv1.Hostname(fmt.Sprintf("h%d.example", j))
			g.Spec.Listeners = append(g.Spec.Listeners, gatewayv1.Listener{
				Name: gatewayv1.SectionName(fmt.Sprint("l", j)), Port: gatewayv1.PortNumber(8000 + j), Protocol: "HTTPS", Hostname: &h,
				TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "c"}}},
			})
		}
		published += p.Step([]store.Change{{Key: kobj.Of(kobj.Gateway, "evil", "web"), Object: g}}).Published
	}
	t.Log("published", published, "accounts", len(p.shares.accounts))
	if len(p.shares.accounts) == 0 {
		t.Error("100 edits that replaced 64 listeners each cost the namespace nothing")
	}
}
