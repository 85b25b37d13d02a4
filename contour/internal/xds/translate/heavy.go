package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// A host with many routes has a route table of its own (docs/design/0020-tables-of-their-own.md): in the table of a shard, each edit of
// a neighbor would cost Envoy what this host costs, and a wildcard host is in every shard. The scope of an exact host leads to
// its own table. In the shard, and in the entry table without shards, is a virtual host with one route, from which a script,
// a second one because a script sees the metadata of one route only, directs those requests to the table that have no scope.
// So nothing depends on the order in which the scope of a host and its shard change when the host becomes heavy.
const (
	ownTableFilter = "own_table"
	ownTableKey    = "table" // metadata of the route that leads to a table of its own

	// heaviestShared is the cost up to which a host is in the table of a shard. A route costs Envoy about 10 microseconds.
	heaviestShared = 100
	// expressionCost is what a regular expression costs in addition, which Envoy compiles.
	expressionCost = 4
)

// heavy reports whether an HTTP host has a route table of its own.
func heavy(v *ir.VirtualHost) bool { return routesCost(v) > heaviestShared }

// routesCost returns what the routes of a host cost Envoy when their table changes, relative to a route without expressions.
func routesCost(v *ir.VirtualHost) int {
	cost := len(v.Routes)
	for i := range v.Routes {
		cost += expressionCost * expressions(&v.Routes[i].Match)
	}
	return cost
}

// expressions returns the number of regular expressions of a match.
func expressions(m *ir.Match) int {
	n := 0
	if m.Path.Kind == ir.PathRegex || m.Path.Kind == ir.PathMethod {
		n++
	}
	for i := range m.Headers {
		if m.Headers[i].Kind == ir.StringRegex {
			n++
		}
	}
	for i := range m.Query {
		if m.Query[i].Kind == ir.StringRegex {
			n++
		}
	}
	return n
}

// ownTables returns the route table of a heavy HTTP host.
func ownTables(k ir.HostKey, v *ir.VirtualHost) []shard {
	if !servesHTTP(v) || !heavy(v) {
		return nil
	}
	return []shard{{listener: k.Listener, host: k.Hostname}}
}

// exactHost returns the heavy host if it is exact, in the form of exactHosts.
func (s shard) exactHost() [][]ir.HostKey {
	if wildcard(s.host) {
		return nil
	}
	return [][]ir.HostKey{{{Listener: s.listener, Hostname: s.host}}}
}

// ownTable returns the route table of a heavy host.
func (o *overrides) ownTable(s shard, h hostRoutes) *table.Resource {
	r := routeConfiguration(s.name(), []table.Part{h.part}, o.routed)
	r.Origins = h.part.Origins // of this host alone
	return r
}

// elsewhere returns the virtual host of a heavy host in the table of a shard. It runs the second script, and enables the filters of
// policies, since Envoy makes the filters of a request by its first route. The table disables all of them.
func (o *overrides) elsewhere(own shard) table.Part {
	e := &encoder{}
	vh := &routev3.VirtualHost{Name: own.host, Domains: []string{own.host}, Routes: []*routev3.Route{{
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{}},
		Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{ownTableFilter: {Fields: map[string]*structpb.Value{
			ownTableKey: structpb.NewStringValue(own.name()),
		}}}},
		Action:               &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: dispatchFilter}}},
		TypedPerFilterConfig: o.leading,
	}}}
	if o.invalid != "" {
		e.addInvalid(o.invalid)
	}
	return table.Part{Name: own.host, Body: e.bytes(vh), Needs: own.needs(), Invalid: e.invalid()}
}
