package translate

import (
	"slices"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// routeTables contains the derived tables from hosts to route tables: one for each TLS host, and for each HTTP listener one
// for all hosts, or several shards.
type routeTables struct {
	hosts  *memo.Table[ir.HostKey, hostRoutes]
	slots  *memo.Index[slot, ir.HostKey]    // HTTP hosts that are not heavy; an exact host is in its slot and in everySlot
	heavy  *memo.Index[slot, ir.HostKey]    // those that are
	shards *memo.Input[ir.ListenerKey, int] // number of shards, if the hosts of the listener are sharded

	http   *memo.Table[shard, *table.Resource]
	scopes *memo.Table[shard, scopes]

	overrides *overrides

	listeners map[ir.ListenerKey]bool // HTTP listeners
	sizes     map[ir.ListenerKey]size
	shardings map[ir.ListenerKey]sharding
	toReshard map[ir.ListenerKey]bool     // those whose number of shards Reshard has to look at
	sharded   map[ir.ListenerKey]bool     // those with several shards
	resharded bool                        // what ChangedShardings returns has changed
	resumed   map[ir.ListenerKey]Sharding // of a former controller, until the first Reshard

	scratch []ir.HostKey // of allHosts
}

// slot is a slot of an HTTP listener.
type slot struct {
	listener ir.ListenerKey
	number   int
}

// load is the weight of a host in its slot.
type load struct {
	slot
	weight int
}

// size is the total weight of the hosts of an HTTP listener; a host without policies weighs 1.
type size struct{ exact, wildcards int }

// addRoutes adds the tables of route tables. That of an HTTP listener exists even without hosts.
func (t *Tables) addRoutes() {
	rt := &t.routes
	rt.overrides = newOverrides()
	rt.listeners, rt.sizes, rt.shardings = map[ir.ListenerKey]bool{}, map[ir.ListenerKey]size{}, map[ir.ListenerKey]sharding{}
	rt.toReshard, rt.sharded, rt.resharded = map[ir.ListenerKey]bool{}, map[ir.ListenerKey]bool{}, true
	rt.slots = memo.NewIndex(t.from.Hosts, "translate/HTTP hosts by slot", ir.HostKey.Compare, func(k ir.HostKey, v *ir.VirtualHost) []slot {
		return slotsOf(k, v, false)
	})
	rt.heavy = memo.NewIndex(t.from.Hosts, "translate/heavy HTTP hosts by slot", ir.HostKey.Compare, func(k ir.HostKey, v *ir.VirtualHost) []slot {
		return slotsOf(k, v, true)
	})
	memo.Follow(t.from.Hosts, loadsOf, rt.count)
	rt.shards = memo.NewInput[ir.ListenerKey](t.from.Engine, "translate/shards", func(a, b int) bool { return a == b })
	rt.hosts = hostTable(t, "translate/virtual hosts", equalHostRoutes, t.hostRoutes)
	memo.DemandFrom(t.from.Hosts, owned(t, "translate/TLS route tables", hostFleet, rt.tlsTable), func(k ir.HostKey, v *ir.VirtualHost) []ir.HostKey {
		if v == nil || v.TLS == nil || v.TLS.CloseConnections || v.TCP != nil {
			return nil
		}
		return []ir.HostKey{k}
	})
	rt.http = owned(t, "translate/HTTP route tables", shardFleet, rt.httpTable)
	t.addScopes()
	memo.Follow(t.from.Hosts, ownTables, func(s shard, present bool) {
		if present {
			rt.demand(s)
		} else {
			rt.release(s)
		}
	})
	memo.Follow(t.from.Listeners, httpListeners, rt.listen)
	memo.Follow(t.from.Listeners, shardLimits, func(l shardLimit, _ bool) { rt.toReshard[l.listener] = true })
}

// shardLimit is the weight of hosts up to which an HTTP listener is not sharded.
type shardLimit struct {
	listener ir.ListenerKey
	weight   int
}

func shardLimits(k ir.ListenerKey, l *ir.Listener) []shardLimit {
	if len(httpListeners(k, l)) == 0 {
		return nil
	}
	return []shardLimit{{k, l.RouteTableHosts}}
}

// servesHTTP reports whether the host belongs to an HTTP listener.
func servesHTTP(v *ir.VirtualHost) bool { return v != nil && v.TLS == nil && v.TCP == nil }

// slotsOf returns the slots of an HTTP host that is heavy, or of one that is not.
func slotsOf(k ir.HostKey, v *ir.VirtualHost, isHeavy bool) []slot {
	if !servesHTTP(v) || heavy(v) != isHeavy {
		return nil
	}
	if n := slotOf(k.Hostname); n != wildcardSlot {
		return []slot{{k.Listener, n}, {k.Listener, everySlot}}
	}
	return []slot{{k.Listener, wildcardSlot}}
}

// loadsOf returns the slot of an HTTP host with its weight.
func loadsOf(k ir.HostKey, v *ir.VirtualHost) []load {
	if !servesHTTP(v) {
		return nil
	}
	return []load{{slot{k.Listener, slotOf(k.Hostname)}, weight(v)}}
}

// exactSlots yields the slots of the exact hosts of a shard: their number depends on the shard only.
func (s shard) exactSlots(yield func(slot) bool) {
	if s.of == 0 {
		yield(slot{s.listener, everySlot})
		return
	}
	from, to := s.slots()
	for n := from; n < to && yield(slot{s.listener, n}); n++ {
	}
}

// exactHosts returns the exact hosts of a shard that are not heavy: a list for each of its slots, each sorted.
func (rt *routeTables) exactHosts(r *memo.Reader, s shard) [][]ir.HostKey {
	size := 1
	if s.of > 0 {
		size = slots / s.of
	}
	lists := make([][]ir.HostKey, 0, size)
	for of := range s.exactSlots {
		lists = append(lists, rt.slots.Get(r, of))
	}
	return lists
}

// allHosts returns the hosts of a shard, exact and wildcard, sorted. They are valid until the next call.
func (rt *routeTables) allHosts(r *memo.Reader, in *memo.Index[slot, ir.HostKey], s shard) []ir.HostKey {
	rt.scratch = rt.scratch[:0]
	for of := range s.exactSlots {
		rt.scratch = append(rt.scratch, in.Get(r, of)...)
	}
	rt.scratch = append(rt.scratch, in.Get(r, slot{s.listener, wildcardSlot})...)
	slices.SortFunc(rt.scratch, ir.HostKey.Compare)
	return rt.scratch
}

// httpListeners returns the listener if it serves HTTP hosts.
func httpListeners(k ir.ListenerKey, l *ir.Listener) []ir.ListenerKey {
	if l == nil || !l.ByHost() || l.Admin {
		return nil
	}
	return []ir.ListenerKey{k}
}

// count adds or subtracts the weight of an HTTP host that is added or removed.
func (rt *routeTables) count(s load, added bool) {
	rt.toReshard[s.listener] = true
	n, by := rt.sizes[s.listener], s.weight
	if !added {
		by = -by
	}
	if s.number == wildcardSlot {
		n.wildcards += by
	} else {
		n.exact += by
	}
	if rt.sizes[s.listener] = n; n == (size{}) {
		delete(rt.sizes, s.listener)
	}
}

// listen demands the entry table of an HTTP listener that is added, and releases that of one that is removed.
func (rt *routeTables) listen(l ir.ListenerKey, added bool) {
	if added {
		rt.listeners[l] = true
		rt.demand(shard{listener: l})
		return
	}
	delete(rt.listeners, l)
	rt.release(shard{listener: l})
}

// tlsTable derives the route table of a TLS host.
func (rt *routeTables) tlsTable(r *memo.Reader, k ir.HostKey) *table.Resource {
	return tlsTable(k, rt.hosts.Get(r, k))
}

func tlsTable(k ir.HostKey, h hostRoutes) *table.Resource {
	var options []func(*encoder, *routev3.RouteConfiguration)
	if !wildcard(k.Hostname) {
		options = append(options, directed)
	}
	if k.Hostname != "*" {
		options = append(options, addMisdirectedHost)
		if h.redirected {
			options = append(options, excludeRedirected)
		}
	}
	r := routeConfiguration(routeTable(k), shareHosts(1, slices.Values([]hostRoutes{h})), options...)
	r.Origins = h.part.Origins // of this host alone
	return r
}

// httpTable derives the route table of a shard, or of a heavy host. The entry table dispatches requests to the shards if there
// are any.
func (rt *routeTables) httpTable(r *memo.Reader, s shard) *table.Resource {
	if s.host != "" {
		return rt.overrides.ownTable(s, rt.hosts.Get(r, ir.HostKey{Listener: s.listener, Hostname: s.host}))
	}
	if s.of == 0 {
		if shards, _ := rt.shards.Get(r, s.listener); shards > 1 {
			return dispatchTable(s.listener, shards)
		}
	}
	hosts := rt.allHosts(r, rt.slots, s)
	parts := shareHosts(len(hosts), valuesOf(r, rt.hosts, hosts))
	for _, k := range rt.allHosts(r, rt.heavy, s) {
		parts = append(parts, rt.overrides.elsewhere(shard{listener: k.Listener, host: k.Hostname}))
	}
	return routeConfiguration(s.name(), parts, rt.overrides.routed)
}

// Reshard updates the number of shards of each HTTP listener by the weight of its hosts, and returns the listeners whose
// number changed, sorted; the caller then runs the engine again. Call it after each run, and periodically: a decrease is
// delayed by shrinkAfter. It looks at listeners that have changed, or whose number may decrease.
func (t *Tables) Reshard(now time.Time) []ir.ListenerKey {
	rt := &t.routes
	var changed []ir.ListenerKey
	for l := range rt.toReshard {
		d, done := sharding{}, true
		if of, ok := t.from.Listeners.Peek(l); ok && of != nil && rt.listeners[l] {
			n, former := rt.sizes[l], rt.shardings[l]
			if resumed := rt.resumed[l]; former.shards < resumed.Shards {
				former = sharding{shards: resumed.Shards, limit: of.RouteTableHosts, fewer: resumed.Fewer}
			}
			former.shards = max(1, former.shards)
			d = former.next(n.exact, n.wildcards, of.RouteTableHosts, now)
			done = d.shards == shardCount(n.exact, n.wildcards, of.RouteTableHosts)
		}
		if rt.setSharding(l, d) {
			changed = append(changed, l)
		}
		if done {
			delete(rt.toReshard, l)
		}
	}
	rt.resumed = nil
	slices.SortFunc(changed, ir.ListenerKey.Compare)
	return changed
}

// setSharding sets the number of shards of the listener, and reports whether it changed; zero removes the listener.
func (rt *routeTables) setSharding(l ir.ListenerKey, d sharding) bool {
	former := rt.shardings[l]
	before, after := max(1, former.shards), max(1, d.shards)
	if rt.shardings[l] = d; d.shards == 0 {
		delete(rt.shardings, l)
	}
	if before > 1 || after > 1 {
		rt.resharded = rt.resharded || d != former
		rt.sharded[l] = true
	}
	if after == 1 {
		delete(rt.sharded, l)
	}
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

// Shards returns the number of route tables into which the hosts of an HTTP listener are sharded, 1 if they are not.
func (t *Tables) Shards(l ir.ListenerKey) int { return max(1, t.routes.shardings[l].shards) }

// each calls f for every shard of the listener.
func (rt *routeTables) each(l ir.ListenerKey, shards int, f func(shard)) {
	if shards == 1 {
		return
	}
	for i := range shards {
		f(shard{listener: l, index: i, of: shards})
	}
}

func (rt *routeTables) demand(s shard) {
	rt.http.Demand(s)
	rt.scopes.Demand(s)
}

func (rt *routeTables) release(s shard) {
	rt.http.Release(s)
	rt.scopes.Release(s)
}
