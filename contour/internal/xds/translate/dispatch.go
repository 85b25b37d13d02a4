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

// A scope selects the route table of a request to the HTTP listener. Its key is a header that Envoy sets before it selects
// a route (docs/design/0010-scopes-per-host.md).
//
// The header is the requested host with a prefix, and each exact hostname has a scope that maps it to the route table of
// its shard: one look-up for any number of hosts. A request without a scope (a wildcard, upper case, an unknown host) has
// no route at first. Then a script, which the route tables disable for all other requests, directs it to the entry table,
// which is the only one or contains the number of shards, and from there to its shard.
//
// The listener does not depend on the number of shards.
const (
	shardHeader    = "x-contour-route-table"
	dispatchFilter = "dispatch"
	upgradeFilter  = "upgrade"
	websocketRoute = "websocket" // the beginning of the names of routes that allow WebSockets
	shardCountKey  = "shards"    // metadata of the route of an entry table with shards
	shardPrefixKey = "prefix"
	routedKey      = "routed" // filter context of requests with a route
)

// scopedRoutes selects the route table by the header. Its value is the key of the scope, with a separator the part before
// it.
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

// scopeHeader overwrites the header. The value may contain command operators of Envoy.
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

// routeByHost makes the listener select the route table by the host of a request. The dispatch filter is the first, followed by
// that for heavy hosts.
//
// Envoy decides on an upgrade with the first look-up, which may find no route. Therefore the listener allows WebSockets,
// with an HTTP filter chain in which a script responds with 403 if the final route does not allow them.
func routeByHost(e *encoder, m *hcmv3.HttpConnectionManager, l ir.ListenerKey) {
	m.EarlyHeaderMutationExtensions = scopeHeader(e, hostScopeName(l, "%REQ(:AUTHORITY)%"))
	m.RouteSpecifier = scopedRoutes(":")
	m.UpgradeConfigs = []*hcmv3.HttpConnectionManager_UpgradeConfig{{
		UpgradeType: "websocket",
		Filters:     slices.Insert(slices.Clone(m.GetHttpFilters()), 2, script(e, upgradeFilter, upgradeScript())),
	}}
}

// script returns a filter that runs a script, with one interpreter for each worker.
func script(e *encoder, name, source string) *hcmv3.HttpFilter {
	return httpFilter(e, name, &luav3.Lua{
		DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: source}},
		SharedVmId:        name,
		ClearRouteCache:   wrapperspb.Bool(false), // the script does it when necessary
	})
}

// overrides is what the route tables of listeners without TLS set of filters, the same in each, encoded once.
type overrides struct {
	table   map[string]*anypb.Any // of a route table
	leading map[string]*anypb.Any // of a virtual host that leads to another route table
	invalid string                // why they are invalid, "" if they are valid
}

func newOverrides() *overrides {
	e := &encoder{}
	disabled, enabled := e.pack(&routev3.FilterConfig{Disabled: true}), e.pack(&routev3.FilterConfig{Config: &anypb.Any{}})
	o := &overrides{
		table: map[string]*anypb.Any{
			dispatchFilter: disabled,
			ownTableFilter: disabled,
			upgradeFilter: e.pack(&luav3.LuaPerRoute{
				FilterContext: &structpb.Struct{Fields: map[string]*structpb.Value{routedKey: structpb.NewBoolValue(true)}},
			}),
		},
		leading: map[string]*anypb.Any{ownTableFilter: e.pack(&luav3.LuaPerRoute{FilterContext: &structpb.Struct{}})},
	}
	for _, name := range configurableFilters() {
		o.table[name], o.leading[name] = disabled, enabled
	}
	o.invalid = e.invalid()
	return o
}

// routed disables the scripts, and the filters that act only where policies configure them, for requests that have a route in the
// route table. A filter is enabled again by what configures it, and by what leads to another route table.
func (o *overrides) routed(e *encoder, rc *routev3.RouteConfiguration) {
	if o.invalid != "" {
		e.addInvalid(o.invalid)
	}
	rc.TypedPerFilterConfig = o.table
}

// dispatchTable returns the entry table with shards: for any host and path, the script selects the route table of the
// shard; no request reaches the cluster of its only route.
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
		r.Needs = append(r.Needs, shard{listener: l, index: i, of: shards}.needs()...)
	}
	r.Invalid = e.invalid()
	return r
}
