package translate

import (
	"fmt"
	"slices"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// leads is the route table that each scope leads to, which must be the one that it needs, with the scope that keeps it.
func leads(t *testing.T, w *world) map[string]string {
	t.Helper()
	to := map[string]string{}
	for _, r := range w.all() {
		if r.Ref.Type != table.Scope {
			continue
		}
		s := decode(t, r).(*routev3.ScopedRouteConfiguration)
		routes := s.GetRouteConfigurationName()
		to[s.GetName()] = routes
		if key := s.GetKey().GetFragments(); len(key) != 1 || key[0].GetStringKey() != s.GetName() || r.Ref.Name != s.GetName() {
			t.Errorf("%s has the key %v", r.Ref, key)
		}
		want := []table.Ref{{Type: table.Scope, Name: routes}, {Type: table.Route, Name: routes}}
		if s.GetName() == routes {
			want = want[1:]
		}
		if diff := cmp.Diff(want, r.Needs); diff != "" || r.Invalid != "" {
			t.Errorf("%s needs (-want +got):\n%s%s", r.Ref, diff, r.Invalid)
		}
	}
	return to
}

func TestAScopeOfEachExactHostLeadsToItsTable(t *testing.T) {
	w := newWorld(tables(10))
	want := map[string]string{"ingress_http": "ingress_http"}
	add := func(name string) { w.set(httpHost(name, ir.Route{Match: prefix("/"), Forward: to("s")})) }
	for i := range 9 {
		name := fmt.Sprintf("h%d.example.com", i)
		add(name)
		want["ingress_http//"+name] = "ingress_http"
	}
	add("*.example.com")
	w.run()
	if diff := cmp.Diff(want, leads(t, w)); diff != "" {
		t.Errorf("one table (-want +got):\n%s", diff)
	}
	add("h9.example.com")
	w.run()
	want["ingress_http//h9.example.com"] = ""
	for name := range want {
		if host := name[len("ingress_http"):]; host != "" {
			want[name] = shard{classic.HTTP(), slotOf(host[2:]) * fewestShards / slots, fewestShards}.name()
		}
	}
	for i := range fewestShards {
		name := shard{classic.HTTP(), i, fewestShards}.name()
		want[name] = name
	}
	if diff := cmp.Diff(want, leads(t, w)); diff != "" {
		t.Errorf("sharded (-want +got):\n%s", diff)
	}
}

func TestAHostCostsOneScopeAndAnEditNone(t *testing.T) {
	w := newWorld(tables(0))
	for i := range 100 {
		w.set(httpHost(fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to("s")}))
	}
	w.run()
	added := httpHost("added.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})
	routes := "set RDS " + shard{classic.HTTP(), slotOf("added.example.com") * fewestShards / slots, fewestShards}.name()
	w.set(added)
	w.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/plain routes": 1, "translate/scopes": 1},
		"set SRDS ingress_http//added.example.com", routes)
	edited := *added
	edited.Routes = slices.Clone(added.Routes)
	edited.Routes[0].Match = prefix("/edited")
	w.set(&edited)
	w.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/plain routes": 1}, routes)
	w.hosts.Delete(added.Key)
	w.expect(t, map[string]uint64{"translate/plain routes": 1, "translate/scopes": 1},
		routes, "removed SRDS ingress_http//added.example.com")
}
