package pipeline_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/store"
)

// Work is proportional to the change with the Gateway API, too: many routes on one Gateway, and many Gateways.
func TestWorkOnGatewaysIsProportionalToTheChange(t *testing.T) {
	few, many := countGatewayWork(t, 100, 4), countGatewayWork(t, 5_000, 200)
	for name, w := range few {
		if many[name] != w {
			t.Errorf("%s: %+v among few, %+v among many", name, w, many[name])
		}
	}
	if len(few) != len(many) || len(few) < 8 {
		t.Errorf("%d and %d kinds of change", len(few), len(many))
	}
}

// What a route that comes and goes allocates does not depend on how many others are on its Gateway, with hosts in tables of one size.
func TestAllocationsOnGatewaysAreProportionalToTheChange(t *testing.T) {
	allocated := func(routes int) uint64 {
		c := gatewayConfig("10.0.0.0/16")
		c.Budgets.Routes, c.RouteTables.Hosts = 0, 0 // sharded
		sys := newSystem(t, c)
		world := append([]store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"10.0.0.1"}, nil, "80")}, change(service(0))...)
		for i := range routes {
			world = append(world, forwarding(fmt.Sprint("r", i), "infra/web", fmt.Sprintf("h%d.example", i), "service-0"))
		}
		sys.Step(world)
		const times = 20
		return bytesAllocated(func() {
			for range times {
				sys.Step([]store.Change{forwarding("added", "infra/web", "added.example", "service-0")})
				sys.Step([]store.Change{{Key: kobj.Of(kobj.HTTPRoute, "team", "added")}})
			}
		}) / times
	}
	few, many := allocated(1_000), allocated(10_000)
	t.Logf("%d bytes among few, %d among many", few, many)
	if many > 2*few {
		t.Errorf("%d bytes among few, %d among many", few, many)
	}
}

// forwarding returns a route to a Service.
func forwarding(name, gateway, host, service string) store.Change {
	c := httpRoute("team", name, 0, []string{gateway}, host)
	c.Object.(*gatewayv1.HTTPRoute).Spec.Rules = []gatewayv1.HTTPRouteRule{{BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
		BackendObjectReference: gatewayv1.BackendObjectReference{Name: gatewayv1.ObjectName(service), Port: ptr(gatewayv1.PortNumber(80))},
	}}}}}
	return c
}

// countGatewayWork makes a change of each kind with many routes on one Gateway, beside many Gateways with a route each.
func countGatewayWork(t *testing.T, routes, gateways int) map[string]work {
	c := gatewayConfig("10.0.0.0/16")
	c.Budgets.Listeners, c.Budgets.Routes, c.RouteTables.Hosts = 0, 0, routes*2 // one route table, which neither count changes
	sys := newSystem(t, c)
	world := []store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"10.0.0.1"}, nil, "80")}
	for i := range routes {
		world = append(world, forwarding(fmt.Sprint("r", i), "infra/web", fmt.Sprintf("h%d.example", i), fmt.Sprintf("service-%d", i%50)))
	}
	for i := range 50 {
		world = append(world, change(service(i))...)
		world = append(world, change(slice(i, "10.0.0.1"))...)
	}
	for i := range gateways {
		name := fmt.Sprint("g", i)
		world = append(world,
			gatewayOf("infra", name, 0, 1, []string{fmt.Sprintf("10.0.1.%d", i)}, nil, "80"),
			forwarding("of-"+name, "infra/"+name, "own.example", "service-0"))
	}
	world = append(world, persistent(1, "own", "service-3", "service-4"))
	for i := range gateways {
		world = append(world, persistent(1, fmt.Sprint("s", i), fmt.Sprintf("service-%d", 5+i%40), fmt.Sprintf("service-%d", 6+i%40)))
	}
	sys.Step(world)
	counts := map[string]work{}
	note := func(name string, r pipeline.Result) {
		w := work{r.Derivations, r.Published, len(r.Hosts), len(r.Statuses)}
		t.Logf("%s among %d routes: %+v", name, routes, w)
		const most = 60
		if w.derivations > most {
			t.Errorf("%s: %+v, want at most %d derivations", name, w, most)
		}
		counts[name] = w
	}
	step := func(name string, changes ...store.Change) { note(name, sys.Step(changes)) }
	step("a route to another Service", forwarding("r7", "infra/web", "h7.example", "service-9"))
	step("another hostname", forwarding("r8", "infra/web", "other.example", "service-8"))
	step("an added route", forwarding("added", "infra/web", "added.example", "service-1"))
	step("a removed route", store.Change{Key: kobj.Of(kobj.HTTPRoute, "team", "added")})
	step("a moved route", forwarding("r9", "infra/g1", "h9.example", "service-9"))
	step("an added Gateway", gatewayOf("infra", "added", 0, 1, []string{"10.0.2.1"}, nil, "80"))
	step("a removed Gateway", store.Change{Key: kobj.Of(kobj.Gateway, "infra", "added")})
	step("an added listener of another Gateway", gatewayOf("infra", "g2", 0, 2, []string{"10.0.1.2"}, nil, "80", "80/narrow.example"))
	step("a rival", grpcRoute("team", "rival", 1, []string{"infra/web"}, "h5.example"))
	step("a grant", store.Change{Key: kobj.Of(kobj.ReferenceGrant, "team", "grant"), Object: &gatewayv1.ReferenceGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "grant"}, Spec: gatewayv1.ReferenceGrantSpec{
			From: []gatewayv1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: "HTTPRoute", Namespace: "elsewhere"}},
			To:   []gatewayv1.ReferenceGrantTo{{Kind: "Service"}},
		},
	}})
	step("an endpoint, also of a rule with sessions", change(slice(3, "10.9.9.9"))...)
	step("the weights of a rule with sessions", persistent(5, "own", "service-3", "service-4"))
	step("the Services of a rule with sessions", persistent(5, "own", "service-3", "service-49"))
	if w := counts["an endpoint, also of a rule with sessions"]; w.resources != 2 {
		t.Errorf("an endpoint changes %d resources, want those of the Service and of the rule", w.resources)
	}
	if w := counts["the weights of a rule with sessions"]; w.resources != 1 {
		t.Errorf("weights change %d resources, want the endpoints of the rule", w.resources)
	}
	return counts
}

// persistent returns a route with sessions to two Services, with that weight for the first.
func persistent(weight int32, name string, services ...string) store.Change {
	c := forwarding(name, "infra/web", name+".example", services[0])
	rule := &c.Object.(*gatewayv1.HTTPRoute).Spec.Rules[0]
	rule.SessionPersistence = &gatewayv1.SessionPersistence{}
	rule.BackendRefs[0].Weight = &weight
	rule.BackendRefs = append(rule.BackendRefs, rule.BackendRefs[0])
	rule.BackendRefs[1].Name, rule.BackendRefs[1].Weight = gatewayv1.ObjectName(services[1]), ptr(int32(1))
	return c
}
