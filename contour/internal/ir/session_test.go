package ir_test

import (
	"reflect"
	"slices"
	"testing"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

func portOf(service, port string) ir.EndpointKey {
	return ir.EndpointKey{Service: kobj.Name{Namespace: "n", Name: service}, Port: port}
}

// The Services of a combination are those that it is made of, and other Services, routes and rules are another one.
func TestCombined(t *testing.T) {
	t.Parallel()
	route := kobj.Of(kobj.HTTPRoute, "n", "r")
	services := []ir.EndpointKey{portOf("a", ""), portOf("b", "web"), portOf("b", "")}
	all := []ir.Combined{
		ir.NewCombined(route, 0, services), ir.NewCombined(route, 1, services), ir.NewCombined(route, 0, services[:2]),
		ir.NewCombined(kobj.Of(kobj.GRPCRoute, "n", "r"), 0, services), ir.NewCombined(route, 0, []ir.EndpointKey{portOf("a", "b"), portOf("web", "b")}),
	}
	for i, k := range all {
		if slices.Contains(all[:i], k) {
			t.Errorf("%v is there twice", k)
		}
	}
	if got := all[0].Endpoints(); !slices.Equal(got, services) {
		t.Errorf("the Services are %v, want %v", got, services)
	}
	if got := (ir.Combined{}).Endpoints(); got != nil {
		t.Errorf("nothing has the Services %v", got)
	}
	c := ir.Cluster{Endpoints: services[0]}
	if got := c.Services(); !slices.Equal(got, services[:1]) {
		t.Errorf("a cluster of one Service has %v", got)
	}
	c.Tuning = ir.Intern(ir.Tuning{Combined: all[0]})
	if got := c.Services(); !slices.Equal(got, services) {
		t.Errorf("a cluster of several Services has %v", got)
	}
}

// A Forward with a combination has the backends that it would have without sessions.
func TestServices(t *testing.T) {
	t.Parallel()
	a, b := ir.Cluster{Endpoints: portOf("a", ""), Port: 80, SNI: "x"}, ir.Cluster{Endpoints: portOf("b", ""), Port: 81, SNI: "x"}
	plain := &ir.Forward{Backends: []ir.Backend{{Cluster: a, Weight: 2}, {Cluster: b}, {Unresolved: true, Weight: 3}}}
	if got := plain.Services(); !reflect.DeepEqual(got, plain.Backends) {
		t.Errorf("without sessions the backends are %v", got)
	}
	combined := a
	combined.Tuning = ir.Intern(ir.Tuning{Combined: ir.NewCombined(kobj.Of(kobj.HTTPRoute, "n", "r"), 0, []ir.EndpointKey{a.Endpoints, b.Endpoints})})
	f := &ir.Forward{
		Backends: []ir.Backend{{Cluster: combined, Weight: 2}, {Unresolved: true, Weight: 3}},
		Special:  &ir.Special{Targets: []ir.Target{{Endpoints: a.Endpoints, Port: 80, Weight: 2}, {Endpoints: b.Endpoints, Port: 81}}},
	}
	if got := f.Services(); !reflect.DeepEqual(got, plain.Backends) {
		t.Errorf("the backends are %v, want %v", got, plain.Backends)
	}
}

// Of two limits the lower one counts, where one that is not set is that of Envoy.
func TestLowestCircuitBreakers(t *testing.T) {
	t.Parallel()
	a := ir.CircuitBreakers{MaxConnections: 10, MaxPendingRequests: 2000, MaxRetries: 5, PerHostMaxConnections: 7}
	b := ir.CircuitBreakers{MaxConnections: 20, MaxRetries: 0}
	want := ir.CircuitBreakers{MaxConnections: 10, MaxPendingRequests: 1024, MaxRetries: 3, PerHostMaxConnections: 7}
	if got := a.Lowest(b); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := b.Lowest(a); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
