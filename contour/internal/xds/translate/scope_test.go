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

// routeTablesOf returns the route table of each scope, which must be the one that it needs, with the scope that keeps it.
func routeTablesOf(t *testing.T, fx *fixture) map[string]string {
	t.Helper()
	to := map[string]string{}
	for _, r := range fx.all() {
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

func TestEachExactHostHasAScope(t *testing.T) {
	fx := newFixture(tables(10))
	want := map[string]string{"ingress_http": "ingress_http"}
	add := func(name string) { fx.set(httpHost(name, ir.Route{Match: prefix("/"), Forward: to("s")})) }
	for i := range 9 {
		name := fmt.Sprintf("h%d.example.com", i)
		add(name)
		want["ingress_http//"+name] = "ingress_http"
	}
	add("*.example.com")
	fx.run()
	if diff := cmp.Diff(want, routeTablesOf(t, fx)); diff != "" {
		t.Errorf("one table (-want +got):\n%s", diff)
	}
	add("h9.example.com")
	fx.run()
	want["ingress_http//h9.example.com"] = ""
	for name := range want {
		if host := name[len("ingress_http"):]; host != "" {
			want[name] = shard{listener: classic.HTTP(), index: slotOf(host[2:]) * fewestShards / slots, of: fewestShards}.name()
		}
	}
	for i := range fewestShards {
		name := shard{listener: classic.HTTP(), index: i, of: fewestShards}.name()
		want[name] = name
	}
	if diff := cmp.Diff(want, routeTablesOf(t, fx)); diff != "" {
		t.Errorf("sharded (-want +got):\n%s", diff)
	}
}

func TestAddedHostChangesOneScopeAndEditNone(t *testing.T) {
	fx := newFixture(tables(0))
	for i := range 100 {
		fx.set(httpHost(fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to("s")}))
	}
	fx.run()
	added := httpHost("added.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})
	routes := "set RDS " + shard{listener: classic.HTTP(), index: slotOf("added.example.com") * fewestShards / slots, of: fewestShards}.name()
	fx.set(added)
	fx.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/HTTP route tables": 1, "translate/scopes": 1},
		"set SRDS ingress_http//added.example.com", routes)
	edited := *added
	edited.Routes = slices.Clone(added.Routes)
	edited.Routes[0].Match = prefix("/edited")
	fx.set(&edited)
	fx.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/HTTP route tables": 1}, routes)
	fx.hosts.Delete(added.Key)
	fx.expect(t, map[string]uint64{"translate/HTTP route tables": 1, "translate/scopes": 1},
		routes, "removed SRDS ingress_http//added.example.com")
}
