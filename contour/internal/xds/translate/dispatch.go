package translate

import (
	"slices"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// A request of the HTTP listener finds its route table by a scope, whose key is a header that Envoy sets before it
// looks for routes (docs/design/0010-scopes-per-host.md).
//
// The header is the requested host with a prefix, and each known exact hostname has a scope that leads to the route
// table of its shard: one look-up, whatever the number of hosts. A request that no scope is for (a wildcard, upper
// case, an unknown host) has no route at first. Then a script, which the route tables turn off for all others, leads
// it to the entry table, which is the only one or says how many shards there are, and from there to its shard.
//
// The listener is the same whatever the number of shards.
const (
	shardHeader    = "x-contour-route-table"
	dispatchFilter = "dispatch"
	upgradeFilter  = "upgrade"
	websocketRoute = "websocket" // the name of routes that WebSockets may take
	shardCountKey  = "shards"    // metadata of the route of an entry table that leads to shards
	shardPrefixKey = "prefix"
	routedKey      = "routed" // filter context of whatever has a route
)

// scopedRoutes finds the route table by the header. Its value is the key of the scope, or, with separator, what is
// before that.
func scopedRoutes(separator string) *hcmv3.HttpConnectionManager_ScopedRoutes {
	return &hcmv3.HttpConnectionManager_ScopedRoutes{ScopedRoutes: &hcmv3.ScopedRoutes{
		Name:            scopesName,
		RdsConfigSource: ads(),
		ScopeKeyBuilder: &hcmv3.ScopedRoutes_ScopeKeyBuilder{Fragments: []*hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder{{
			Type: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_{
				HeaderValueExtractor: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor{
					Name:             shardHeader,
					ElementSeparator: separator,
					ExtractType:      &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_Index{},
				},
			},
		}}},
		ConfigSpecifier: &hcmv3.ScopedRoutes_ScopedRds{ScopedRds: &hcmv3.ScopedRds{ScopedRdsConfigSource: ads()}},
	}}
}

// scopeHeader sets the header, whatever the client sends. The value may have Envoy's formatter commands.
func scopeHeader(e *encoder, value string) []*corev3.TypedExtensionConfig {
	return []*corev3.TypedExtensionConfig{{
		Name: "envoy.http.early_header_mutation.header_mutation",
		TypedConfig: e.pack(&earlyv3.HeaderMutation{Mutations: []*mutationv3.HeaderMutation{{
			Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
				Header:       &corev3.HeaderValue{Key: shardHeader, Value: value},
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			}},
		}}}),
	}}
}

// routeByHost has requests to the listener find the route table of their host. The dispatch filter is the first.
//
// Envoy decides about an upgrade by the first look-up, which may find nothing. So the listener lets WebSockets pass,
// to a filter chain of their own where a script answers 403 if the final route does not allow them.
func routeByHost(e *encoder, m *hcmv3.HttpConnectionManager, l ir.ListenerKey) {
	m.EarlyHeaderMutationExtensions = scopeHeader(e, hostScopeName(l, "%REQ(:AUTHORITY)%"))
	m.RouteSpecifier = scopedRoutes(":")
	m.UpgradeConfigs = []*hcmv3.HttpConnectionManager_UpgradeConfig{{
		UpgradeType: "websocket",
		Filters:     slices.Insert(slices.Clone(m.GetHttpFilters()), 1, script(e, upgradeFilter, upgradeScript())),
	}}
}

// script is a filter that runs a script, with one interpreter per worker.
func script(e *encoder, name, source string) *hcmv3.HttpFilter {
	return httpFilter(e, name, &luav3.Lua{
		DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: source}},
		SharedVmId:        name,
		ClearRouteCache:   wrapperspb.Bool(false), // the script does it where it must
	})
}

// routed has the route table say to the scripts that there is a route, so that there is nothing to dispatch.
func routed(e *encoder, rc *routev3.RouteConfiguration) {
	rc.TypedPerFilterConfig = map[string]*anypb.Any{
		dispatchFilter: e.pack(&routev3.FilterConfig{Disabled: true}),
		upgradeFilter: e.pack(&luav3.LuaPerRoute{
			FilterContext: &structpb.Struct{Fields: map[string]*structpb.Value{routedKey: structpb.NewBoolValue(true)}},
		}),
	}
}

// dispatchTable is the entry table where there are shards: any host and any path lead to the script, and by it to the
// shard's table, never to the cluster of its only route.
func dispatchTable(l ir.ListenerKey, shards int) *table.Resource {
	e := &encoder{}
	rc := &routev3.RouteConfiguration{
		Name: shard{listener: l}.name(),
		VirtualHosts: []*routev3.VirtualHost{{Name: dispatchFilter, Domains: []string{"*"}, Routes: []*routev3.Route{{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{}},
			Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{dispatchFilter: {Fields: map[string]*structpb.Value{
				shardCountKey:  structpb.NewNumberValue(float64(shards)),
				shardPrefixKey: structpb.NewStringValue(shardPrefix(l, shards)),
			}}}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: dispatchFilter}}},
		}}}},
	}
	r := &table.Resource{Ref: table.Ref{Type: table.Route, Name: rc.GetName()}, Body: e.bytes(rc)}
	for i := range shards {
		r.Needs = append(r.Needs, shard{l, i, shards}.needs()...)
	}
	r.Invalid = e.invalid()
	return r
}
