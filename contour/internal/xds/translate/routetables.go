package translate

import (
	"slices"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// routeTables is the derived tables from hosts to route tables: one for each TLS host, and one for all plain hosts or
// several that share them.
type routeTables struct {
	hosts  *memo.Table[ir.HostKey, hostRoutes]
	tls    *memo.Index[string, ir.HostKey] // by route table
	slots  *memo.Index[int, ir.HostKey]    // plain hosts
	shards *memo.Input[struct{}, int]

	division division

	plain  *memo.Table[shard, *table.Resource]
	scopes *memo.Table[shard, *table.Resource]
}

// addRoutes makes the route tables; those of plain hosts exist even without any.
func (t *Tables) addRoutes() {
	rt := &t.routes
	rt.tls = indexOf(t, "translate/TLS hosts by route table", func(v *ir.VirtualHost) []string {
		if v.Key.Listener != ir.HTTPS || v.TCP != nil || v.TLS != nil && v.TLS.Refused {
			return nil
		}
		return []string{routeTable(v.Key)}
	})
	rt.slots = indexOf(t, "translate/plain hosts by slot", func(v *ir.VirtualHost) []int {
		if v.Key.Listener != ir.HTTP || v.TCP != nil {
			return nil
		}
		return []int{slotOf(v.Key.Hostname)}
	})
	rt.shards = memo.NewInput[struct{}, int](t.from.Engine, "translate/shards", func(a, b int) bool { return a == b })
	rt.division = division{shards: 1}
	rt.shards.Set(struct{}{}, rt.division.shards)
	rt.hosts = hostTable(t, "translate/virtual hosts", equalHostRoutes, func(_ *memo.Reader, v *ir.VirtualHost) hostRoutes { return virtualHost(v) })
	memo.Drive(rt.tls, resources(t, "translate/TLS routes", func(r *memo.Reader, name string) *table.Resource {
		return routeConfiguration(name, shareHosts(gather(r, rt.hosts, rt.tls.Get(r, name))))
	}))
	rt.plain = resources(t, "translate/plain routes", rt.plainTable)
	rt.scopes = resources(t, "translate/scopes", func(_ *memo.Reader, s shard) *table.Resource { return scope(s.name()) })
	rt.demand(shard{})
}

// plainTable is the route table of a shard; the first table leads to the others if there are any.
func (rt *routeTables) plainTable(r *memo.Reader, s shard) *table.Resource {
	if s == (shard{}) {
		if shards, _ := rt.shards.Get(r, struct{}{}); shards > 1 {
			return dispatchTable(shards)
		}
	}
	hosts := slices.Clone(rt.slots.Get(r, everySlot))
	for from, to := s.slots(); from < to; from++ {
		hosts = append(hosts, rt.slots.Get(r, from)...)
	}
	slices.SortFunc(hosts, compareHosts)
	return routeConfiguration(s.name(), shareHosts(gather(r, rt.hosts, hosts)))
}

// Reshard divides the hosts of the plain listener as their number asks for, with a single route table for up to limit
// of them. It reports whether that changed anything; then the engine has to run again. Call it after each run, and now
// and then without one: fewer shards come late.
func (t *Tables) Reshard(limit int, now time.Time) bool {
	rt := &t.routes
	before, wildcards := rt.division.shards, rt.slots.Count(everySlot)
	rt.division = rt.division.next(rt.slots.Pairs()-wildcards, wildcards, limit, now)
	if rt.division.shards == before {
		return false
	}
	rt.shards.Set(struct{}{}, rt.division.shards)
	rt.each(rt.division.shards, rt.demand)
	rt.each(before, rt.release)
	return true
}

// Shards is the number of route tables that the hosts of the plain listener are divided into, 1 if they are not.
func (t *Tables) Shards() int { return t.routes.division.shards }

// each calls f for every shard that the table is divided into.
func (rt *routeTables) each(shards int, f func(shard)) {
	if shards == 1 {
		return
	}
	for i := range shards {
		f(shard{i, shards})
	}
}

func (rt *routeTables) demand(s shard) {
	rt.plain.Demand(s)
	rt.scopes.Demand(s)
}

func (rt *routeTables) release(s shard) {
	rt.plain.Release(s)
	rt.scopes.Release(s)
}
