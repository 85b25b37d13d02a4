package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// scope returns a scope that maps a key, which is its name, to a route table.
func scope(name, routes string, needs []table.Ref) *table.Resource {
	e := &encoder{}
	body := e.bytes(&routev3.ScopedRouteConfiguration{
		Name:                   name,
		RouteConfigurationName: routes,
		Key: &routev3.ScopedRouteConfiguration_Key{Fragments: []*routev3.ScopedRouteConfiguration_Key_Fragment{{
			Type: &routev3.ScopedRouteConfiguration_Key_Fragment_StringKey{StringKey: name},
		}}},
	})
	return &table.Resource{Ref: table.Ref{Type: table.Scope, Name: name}, Body: body, Needs: needs, Invalid: e.invalid()}
}

// shardScope returns the scope that maps the name of the shard to its route table.
func shardScope(s shard) *table.Resource {
	return scope(s.name(), s.name(), []table.Ref{{Type: table.Route, Name: s.name()}})
}

// hostScopeName returns the name and key of a host's scope. No other key contains two successive slashes, so that a
// requested host can match only the scope of a host.
func hostScopeName(l ir.ListenerKey, hostname string) string { return l.Name + "//" + hostname }

// needs returns the needs of resources that direct requests to the shard: its route table, and the scope that keeps it.
func (s shard) needs() []table.Ref {
	return []table.Ref{{Type: table.Scope, Name: s.name()}, {Type: table.Route, Name: s.name()}}
}

// scopes is the scopes of a shard: that of its own name, and one for each of its exact hosts. The lists of hosts are those
// of the index, and resources are created on demand, because there is one for each host.
type scopes struct {
	shard shard
	hosts [][]ir.HostKey // as returned by exactHosts; nil: the hosts belong to other shards
}

func (s scopes) equal(o scopes) bool {
	return s.shard == o.shard && slices.EqualFunc(s.hosts, o.hosts, sameHosts)
}

// sameHosts compares lists of hosts; it does not compare the elements of those that share their memory.
func sameHosts(a, b []ir.HostKey) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// scopesOf derives the scopes of the shard.
func (rt *routeTables) scopesOf(r *memo.Reader, s shard) scopes {
	if s.host != "" {
		return scopes{shard: s, hosts: s.exactHost()}
	}
	if shards, _ := rt.shards.Get(r, s.listener); s.of == 0 && shards > 1 {
		return scopes{shard: s}
	}
	return scopes{shard: s, hosts: rt.exactHosts(r, s)}
}

// hostsExcept visits the hosts that the other scopes of the same shard do not contain; nil contains none.
func (s *scopes) hostsExcept(other *scopes, visit func(ir.HostKey)) {
	if s == nil {
		return
	}
	for i, hosts := range s.hosts {
		var known []ir.HostKey
		if other != nil && other.hosts != nil {
			known = other.hosts[i]
		}
		if sameHosts(hosts, known) {
			continue
		}
		for _, k := range hosts {
			for len(known) > 0 && known[0].Compare(k) < 0 {
				known = known[1:]
			}
			if len(known) == 0 || known[0] != k {
				visit(k)
			}
		}
	}
}

// addScopes adds the table of scopes of demanded shards.
func (t *Tables) addScopes() {
	rt := &t.routes
	rt.scopes = memo.NewTable(t.from.Engine, memo.Options[shard, scopes]{Name: "translate/scopes", Equal: scopes.equal, Derive: rt.scopesOf})
	rt.scopes.Watch()
	t.outputs = append(t.outputs, scopeOutput{rt.scopes})
}

// scopeOutput publishes scopes to the fleet of their listener.
type scopeOutput struct{ of *memo.Table[shard, scopes] }

func (o scopeOutput) changes(add func(f ir.Fleet, before, after *table.Resource)) {
	for _, c := range o.of.Changes() {
		eachChange(c.Old, c.New, func(before, after *table.Resource) { add(shardFleet(c.Key), before, after) })
	}
}

func (o scopeOutput) all(fleets map[ir.Fleet]bool, add func(ir.Fleet, *table.Resource)) {
	o.of.Keys(func(s shard) bool {
		if now, ok := o.of.Peek(s); ok && fleets[shardFleet(s)] {
			eachChange(nil, &now, func(_, r *table.Resource) { add(shardFleet(s), r) })
		}
		return true
	})
}

// eachChange visits the resources that differ between the former and the present scopes of a shard; nil is none.
func eachChange(before, after *scopes, visit func(before, after *table.Resource)) {
	if after != nil {
		needs := after.shard.needs()
		if before == nil {
			visit(nil, shardScope(after.shard))
		}
		after.hostsExcept(before, func(k ir.HostKey) {
			visit(nil, scope(hostScopeName(k.Listener, k.Hostname), after.shard.name(), needs))
		})
	}
	remove := func(name string) { visit(&table.Resource{Ref: table.Ref{Type: table.Scope, Name: name}}, nil) }
	if before != nil && after == nil {
		remove(before.shard.name())
	}
	before.hostsExcept(after, func(k ir.HostKey) { remove(hostScopeName(k.Listener, k.Hostname)) })
}
