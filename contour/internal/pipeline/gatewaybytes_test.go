package pipeline_test

import (
	"fmt"
	"testing"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// What Envoys are sent for an edit does not grow with the routes of a Gateway, the listeners of its ListenerSets, or the number of Gateways.
func TestBytesOfAnEditOfAGateway(t *testing.T) {
	t.Parallel()
	few, many := gatewayBytes(t, 1_000, 4, 40), gatewayBytes(t, 5_000, 16, 200)
	for edit, n := range many {
		if of := few[edit]; n == 0 || n > 2*of {
			t.Errorf("%s: %d bytes among few, %d among many, want at most twice as many", edit, of, n)
		}
	}
	if len(few) != len(many) || len(few) < 6 {
		t.Errorf("%d and %d kinds of edit", len(few), len(many))
	}
}

// gatewayBytes returns the bytes of each kind of edit, with that many routes on one Gateway, ListenerSets of 64 listeners, and other Gateways.
func gatewayBytes(t *testing.T, routes, sets, gateways int) map[string]int {
	t.Helper()
	c := gatewayConfig("10.0.0.0/16")
	c.Budgets.Listeners, c.Budgets.Routes = 0, 0
	s := newSystem(t, c)
	world := []store.Change{gatewayClass(), openGateway("infra", "web", "10.0.0.1", "80/*.example")}
	for i := range routes {
		world = append(world, forwarding(fmt.Sprint("r", i), "infra/web", fmt.Sprintf("h%d.example", i), "service-0"))
	}
	wide := func(of string) (listeners []string) {
		for j := range 64 {
			listeners = append(listeners, fmt.Sprintf("80/h%d.%s.test", j, of))
		}
		return listeners
	}
	for i := range sets {
		world = append(world, listenerSetOf("team", fmt.Sprint("s", i), 1, wide(fmt.Sprint("s", i))...))
	}
	for i := range gateways {
		world = append(world, gatewayOf("infra", fmt.Sprint("g", i), 0, 1, []string{fmt.Sprintf("10.0.1.%d", i)}, nil, "80"))
	}
	s.Step(append(world, append(change(service(0)), change(service(1))...)...))
	w := s.table.Watch("envoy")
	w.Take()
	bytes := map[string]int{}
	edit := func(name string, changes ...store.Change) {
		s.Step(changes)
		sent, _ := w.Take()
		for _, v := range sent {
			bytes[name] += len(v.Ref.Name)
			if v.Version != nil {
				bytes[name] += v.Version.Size()
			}
		}
		t.Logf("%s among %d routes, %d sets, %d Gateways: %d bytes in %d resources", name, routes, sets, gateways, bytes[name], len(sent))
	}
	edit("a route to another Service", forwarding("r7", "infra/web", "h7.example", "service-1"))
	edit("an added route", forwarding("added", "infra/web", "added.example", "service-0"))
	edit("a removed route", store.Change{Key: kobj.Of(kobj.HTTPRoute, "team", "added")})
	edit("an added ListenerSet", listenerSetOf("team", "added", 2, wide("added")...))
	edit("a removed ListenerSet", store.Change{Key: kobj.Of(kobj.ListenerSet, "team", "added")})
	edit("an added Gateway", gatewayOf("infra", "added", 0, 1, []string{"10.0.2.1"}, nil, "80"))
	edit("a removed Gateway", store.Change{Key: kobj.Of(kobj.Gateway, "infra", "added")})
	return bytes
}
