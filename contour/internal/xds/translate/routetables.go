package translate

import (
	"slices"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// routeTables is the derived tables from hosts to route tables: one for each TLS host, and for each plain listener one
// for all hosts, or several that share them.
type routeTables struct {
	hosts  *memo.Table[ir.HostKey, hostRoutes]
	slots  *memo.Index[slot, ir.HostKey]    // plain hosts
	shards *memo.Input[ir.ListenerKey, int] // how many there are, if the hosts of the listener are sharded

	plain  *memo.Table[shard, *table.Resource]
	scopes *memo.Table[shard, scopes]

	listeners map[ir.ListenerKey]bool // those for HTTP that are there
	sizes     map[ir.ListenerKey]size
	divisions map[ir.ListenerKey]division
}

// slot is a slot of a plain listener.
type slot struct {
	listener ir.ListenerKey
	number   int
}

// load is what a host adds to its slot.
type load struct {
	slot
	weight int
}

// size is what the hosts of a plain listener weigh together; a host without policies weighs 1.
type size struct{ exact, wildcards int }

// addRoutes makes the route tables; those of plain listeners exist even without a host.
func (t *Tables) addRoutes() {
	rt := &t.routes
	rt.listeners, rt.sizes, rt.divisions = map[ir.ListenerKey]bool{}, map[ir.ListenerKey]size{}, map[ir.ListenerKey]division{}
	rt.slots = memo.NewIndex(t.from.Hosts, "translate/plain hosts by slot", ir.HostKey.Compare, slotsOf)
	memo.Follow(t.from.Hosts, loadsOf, rt.count)
	rt.shards = memo.NewInput[ir.ListenerKey](t.from.Engine, "translate/shards", func(a, b int) bool { return a == b })
	rt.hosts = hostTable(t, "translate/virtual hosts", equalHostRoutes, t.hostRoutes)
	memo.DemandFrom(t.from.Hosts, owned(t, "translate/TLS routes", hostFleet, rt.tlsTable), func(k ir.HostKey, v *ir.VirtualHost) []ir.HostKey {
		if v == nil || v.TLS == nil || v.TLS.Refused || v.TCP != nil {
			return nil
		}
		return []ir.HostKey{k}
	})
	rt.plain = owned(t, "translate/plain routes", shardFleet, rt.plainTable)
	t.addScopes()
	memo.Follow(t.from.Listeners, plainListeners, rt.listen)
}

// slotsOf is the slot of a plain host.
func slotsOf(k ir.HostKey, v *ir.VirtualHost) []slot {
	if v == nil || v.TLS != nil || v.TCP != nil {
		return nil
	}
	return []slot{{k.Listener, slotOf(k.Hostname)}}
}

// loadsOf is the slot of a plain host with its weight.
func loadsOf(k ir.HostKey, v *ir.VirtualHost) []load {
	var loads []load
	for _, s := range slotsOf(k, v) {
		loads = append(loads, load{s, weight(v)})
	}
	return loads
}

// plainListeners is the listener if it serves plain hosts.
func plainListeners(k ir.ListenerKey, l *ir.Listener) []ir.ListenerKey {
	if l == nil || l.Protocol != ir.ListenHTTP || l.Admin {
		return nil
	}
	return []ir.ListenerKey{k}
}

// count takes note of a plain host that comes or goes.
func (rt *routeTables) count(s load, comes bool) {
	n, by := rt.sizes[s.listener], s.weight
	if !comes {
		by = -by
	}
	if s.number == everySlot {
		n.wildcards += by
	} else {
		n.exact += by
	}
	if rt.sizes[s.listener] = n; n == (size{}) {
		delete(rt.sizes, s.listener)
	}
}

// listen takes note of a plain listener that comes or goes.
func (rt *routeTables) listen(l ir.ListenerKey, comes bool) {
	if comes {
		rt.listeners[l] = true
		rt.demand(shard{listener: l})
		return
	}
	delete(rt.listeners, l)
	rt.release(shard{listener: l})
}

// tlsTable is the route table of a TLS host.
func (rt *routeTables) tlsTable(r *memo.Reader, k ir.HostKey) *table.Resource {
	parts := shareHosts([]hostRoutes{rt.hosts.Get(r, k)})
	if k.Hostname == "*" {
		return routeConfiguration(routeTable(k), parts)
	}
	return routeConfiguration(routeTable(k), parts, refuseStrays)
}

// plainTable is the route table of a shard; the first table leads to the others if there are any.
func (rt *routeTables) plainTable(r *memo.Reader, s shard) *table.Resource {
	if s.of == 0 {
		if shards, _ := rt.shards.Get(r, s.listener); shards > 1 {
			return dispatchTable(s.listener, shards)
		}
	}
	hosts := slices.Clone(rt.slots.Get(r, slot{s.listener, everySlot}))
	for from, to := s.slots(); from < to; from++ {
		hosts = append(hosts, rt.slots.Get(r, slot{s.listener, from})...)
	}
	slices.SortFunc(hosts, ir.HostKey.Compare)
	return routeConfiguration(s.name(), shareHosts(gather(r, rt.hosts, hosts)), routed)
}

// Reshard shards the hosts of each plain listener as their weight asks for, and returns the listeners whose hosts are
// sharded otherwise than before; then the engine has to run again. Call it after each run, and now and then without one:
// fewer shards come late.
func (t *Tables) Reshard(now time.Time) []ir.ListenerKey {
	rt := &t.routes
	var changed []ir.ListenerKey
	divide := func(l ir.ListenerKey, d division) {
		if rt.divide(l, d) {
			changed = append(changed, l)
		}
	}
	for l := range rt.divisions {
		if !rt.listeners[l] {
			divide(l, division{})
		}
	}
	for l := range rt.listeners {
		of, ok := t.from.Listeners.Peek(l)
		if !ok || of == nil {
			continue
		}
		n, d := rt.sizes[l], rt.divisions[l]
		if d.shards == 0 {
			d.shards = 1
		}
		divide(l, d.next(n.exact, n.wildcards, of.RouteTableHosts, now))
	}
	slices.SortFunc(changed, ir.ListenerKey.Compare)
	return changed
}

// divide has the hosts of the listener sharded that way, and reports whether they were not; zero forgets the listener.
func (rt *routeTables) divide(l ir.ListenerKey, d division) bool {
	before := max(1, rt.divisions[l].shards)
	if rt.divisions[l] = d; d.shards == 0 {
		delete(rt.divisions, l)
	}
	after := max(1, d.shards)
	if after == before {
		return false
	}
	if after > 1 {
		rt.shards.Set(l, after)
	} else {
		rt.shards.Delete(l)
	}
	rt.each(l, after, rt.demand)
	rt.each(l, before, rt.release)
	return true
}

// Shards is the number of route tables that the hosts of a plain listener are sharded into, 1 if they are not.
func (t *Tables) Shards(l ir.ListenerKey) int { return max(1, t.routes.divisions[l].shards) }

// each calls f for every shard of the listener.
func (rt *routeTables) each(l ir.ListenerKey, shards int, f func(shard)) {
	if shards == 1 {
		return
	}
	for i := range shards {
		f(shard{l, i, shards})
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
