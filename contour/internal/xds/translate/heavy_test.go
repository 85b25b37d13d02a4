package translate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// heavyHost is a host with n routes.
func heavyHost(name string, n int) *ir.VirtualHost {
	v := httpHost(name)
	for i := range n {
		v.Routes = append(v.Routes, ir.Route{Match: prefix(fmt.Sprint("/r", i)), Forward: to("s")})
	}
	return v
}

func TestHeavyByRoutesAndExpressions(t *testing.T) {
	expressions := heavyHost("e.example.com", 40)
	for i := range expressions.Routes {
		expressions.Routes[i].Match.Headers = []ir.HeaderMatch{{Name: "x", Kind: ir.StringRegex, Value: "a+"}}
	}
	for name, c := range map[string]struct {
		host *ir.VirtualHost
		want bool
	}{
		"as many routes as a shared table may have of a host": {heavyHost("a.example.com", heaviestShared), false},
		"one more": {heavyHost("a.example.com", heaviestShared+1), true},
		"fewer, with expressions, which Envoy compiles": {expressions, true},
	} {
		if got := heavy(c.host); got != c.want {
			t.Errorf("%s: heavy is %t, want %t", name, got, c.want)
		}
	}
}

// shardNameOf returns the name of the shard of a host, one of fewestShards.
func shardNameOf(host string) string {
	return shard{listener: classic.HTTP(), index: slotOf(host) * fewestShards / slots, of: fewestShards}.name()
}

// neighbors returns n names in the shard of the host.
func neighbors(host string, n int) (names []string) {
	for i := 0; len(names) < n; i++ {
		if name := fmt.Sprintf("n%d.example.org", i); shardNameOf(name) == shardNameOf(host) {
			names = append(names, name)
		}
	}
	return names
}

// An edit of a heavy host changes no table of others, and one of a neighbor not that of the heavy host.
func TestAHeavyHostHasATableOfItsOwn(t *testing.T) {
	const name, own = "heavy.example.com", "ingress_http/host/heavy.example.com"
	for mode, c := range map[string]struct {
		limit  int
		shared string
	}{"one table": {1000, "ingress_http"}, "sharded": {0, shardNameOf(name)}} {
		t.Run(mode, func(t *testing.T) {
			fx := newFixture(tables(c.limit))
			beside := neighbors(name, 20)
			for _, n := range beside {
				fx.set(httpHost(n, ir.Route{Match: prefix("/"), Forward: to("s")}))
			}
			fx.set(heavyHost(name, 2000))
			fx.run()
			if got := shardsOf(fx); !slices.Equal(got[own], []string{name}) || len(got[c.shared]) != len(beside)+1 {
				t.Errorf("%d in its own table, %d in that of its neighbors", len(got[own]), len(got[c.shared]))
			}
			if got := routeTablesOf(t, fx); got["ingress_http//"+name] != own || got[own] != own || got["ingress_http//"+beside[0]] != c.shared {
				t.Errorf("scopes: %v", got)
			}
			fx.set(heavyHost(name, 2001))
			fx.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/HTTP route tables": 1}, "set RDS "+own)
			fx.set(httpHost(beside[3], ir.Route{Match: prefix("/edited"), Forward: to("s")}))
			fx.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/HTTP route tables": 1}, "set RDS "+c.shared)
			fx.hosts.Delete(heavyHost(name, 0).Key)
			fx.expect(t, map[string]uint64{"translate/HTTP route tables": 1},
				"set RDS "+c.shared, "removed SRDS ingress_http//"+name, "removed SRDS "+own, "removed RDS "+own)
		})
	}
}

// A wildcard host is in every shard; a heavy one only in name, so that each costs Envoy the same as without it.
func TestAHeavyWildcardIsInNoShardButInName(t *testing.T) {
	fx := newFixture(tables(0))
	fx.set(heavyHost("*.example.com", 3000))
	fx.run()
	shards := 0
	for _, r := range fx.all() {
		if r.Ref.Type != table.Route || r.Ref.Name == "ingress_http/host/*.example.com" || len(r.Parts) == 0 {
			continue
		}
		shards++
		if size := len(r.Parts[0].Body); len(r.Parts) != 1 || size > 1_200 {
			t.Errorf("%s has %d parts, and %d bytes of the wildcard host", r.Ref.Name, len(r.Parts), size)
		}
	}
	if shards != fewestShards {
		t.Errorf("%d shards, want %d: the routes of a heavy host are not in them", shards, fewestShards)
	}
}

// The table of a heavy host has its namespace as its owner, so that its updates are paced; that of a shard has none.
func TestOwnTablesHaveAnOwner(t *testing.T) {
	fx := newFixture(tables(0))
	fx.set(heavyHost("heavy.example.com", 200), httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}))
	fx.run()
	for _, r := range fx.all() {
		if r.Ref.Type != table.Route {
			continue
		}
		if own := strings.Contains(r.Ref.Name, "/host/"); own != (len(r.Origins) > 0) {
			t.Errorf("%s has the origins %v", r.Ref.Name, r.Origins)
		}
	}
}
