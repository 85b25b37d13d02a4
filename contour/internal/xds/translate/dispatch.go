package translate

import (
	"fmt"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// Requests of a plain listener find their route table through a scope, whose key is a header that each request
// gets before it is routed. It leads to the only table or, if that is divided, to a table which has a script put the
// name of the right shard into the header. The listener is the same either way, so that dividing the table drops no
// connection; and without a division the script costs nothing.
const (
	shardHeader    = "x-contour-route-table"
	dispatchFilter = "dispatch"
	websocketRoute = "websocket" // the name of routes that WebSockets may take
)

// routeByScope sends requests to the table first that entry, which may have Envoy's formatter commands, is the name of.
func routeByScope(e *encoder, m *hcmv3.HttpConnectionManager, entry string) {
	m.EarlyHeaderMutationExtensions = []*corev3.TypedExtensionConfig{enter(e, entry)}
	m.RouteSpecifier = scopedRoutes()
}

// scopedRoutes finds the route table by the header, whose value is the key of the scope that leads to it.
func scopedRoutes() *hcmv3.HttpConnectionManager_ScopedRoutes {
	return &hcmv3.HttpConnectionManager_ScopedRoutes{ScopedRoutes: &hcmv3.ScopedRoutes{
		Name:            scopesName,
		RdsConfigSource: ads(),
		ScopeKeyBuilder: &hcmv3.ScopedRoutes_ScopeKeyBuilder{Fragments: []*hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder{{
			Type: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_{
				HeaderValueExtractor: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor{
					Name:        shardHeader,
					ExtractType: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_Index{},
				},
			},
		}}},
		ConfigSpecifier: &hcmv3.ScopedRoutes_ScopedRds{ScopedRds: &hcmv3.ScopedRds{ScopedRdsConfigSource: ads()}},
	}}
}

// enter sets the header, whatever the client says.
func enter(e *encoder, value string) *corev3.TypedExtensionConfig {
	return &corev3.TypedExtensionConfig{
		Name: "envoy.http.early_header_mutation.header_mutation",
		TypedConfig: e.pack(&earlyv3.HeaderMutation{Mutations: []*mutationv3.HeaderMutation{{
			Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
				Header:       &corev3.HeaderValue{Key: shardHeader, Value: value},
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			}},
		}}}),
	}
}

// idleDispatch is the place of the script among the filters; the table that leads to the shards brings the script.
func idleDispatch(e *encoder) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: dispatchFilter, Disabled: true, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: e.pack(&luav3.Lua{})}}
}

// dispatchTable is the first table where there are shards: any host and any path lead to the script, and by it to the
// shard's table, never to the cluster of its only route.
func dispatchTable(l ir.ListenerKey, shards int) *table.Resource {
	e := &encoder{}
	rc := &routev3.RouteConfiguration{
		Name:                 shard{listener: l}.name(),
		TypedPerFilterConfig: map[string]*anypb.Any{dispatchFilter: e.pack(dispatch(e, l, shards))},
		VirtualHosts: []*routev3.VirtualHost{{Name: dispatchFilter, Domains: []string{"*"}, Routes: []*routev3.Route{{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{
				ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: dispatchFilter},
				UpgradeConfigs:   []*routev3.RouteAction_UpgradeConfig{{UpgradeType: "websocket"}},
			}},
		}}}},
	}
	r := &table.Resource{Ref: table.Ref{Type: table.Route, Name: rc.GetName()}, Body: e.bytes(rc)}
	for i := range shards {
		name := shard{l, i, shards}.name()
		r.Needs = append(r.Needs, table.Ref{Type: table.Scope, Name: name}, table.Ref{Type: table.Route, Name: name})
	}
	r.Invalid = e.invalid()
	return r
}

func dispatch(e *encoder, l ir.ListenerKey, shards int) *routev3.FilterConfig {
	script := fmt.Sprintf(dispatchScript, shards, shardPrefix(l, shards), hashLength, hashFactor, shardHeader, websocketRoute)
	return &routev3.FilterConfig{Config: e.pack(&luav3.LuaPerRoute{Override: &luav3.LuaPerRoute_SourceCode{
		SourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: script}},
	}})}
}

// dispatchScript does what slotOf does, with the host that the request asks for. Envoy decides about an upgrade by the
// first route, so what the final one says about WebSockets is looked at here.
const dispatchScript = `local shards, prefix, length, factor = %d, %q, %d, %d
local range, floor, min = 2^32, math.floor, math.min
function envoy_on_request(request)
  local headers = request:headers()
  local host = (headers:get(":authority") or ""):lower()
  local hash = 0
  for i = 1, min(#host, length) do
    local c = host:byte(i)
    if c == 58 then break end -- what follows the colon is the port
    hash = (hash * factor + c) %% range
  end
  hash = hash * factor %% range
  headers:replace(%q, prefix .. floor(hash * shards / range))
  request:clearRouteCache()
  if headers:get("upgrade") and (headers:get("connection") or ""):lower():find("upgrade", 1, true) then
    request:metadata() -- looks up the route
    if request:streamInfo():routeName() ~= %q then
      request:respond({[":status"] = "403"}, "")
    end
  end
end
`

// scope leads from a name to the route table of that name; needs is what else must be there.
func scope(name string, needs ...table.Ref) *table.Resource {
	e := &encoder{}
	body := e.bytes(&routev3.ScopedRouteConfiguration{
		Name:                   name,
		RouteConfigurationName: name,
		Key: &routev3.ScopedRouteConfiguration_Key{Fragments: []*routev3.ScopedRouteConfiguration_Key_Fragment{{
			Type: &routev3.ScopedRouteConfiguration_Key_Fragment_StringKey{StringKey: name},
		}}},
	})
	return &table.Resource{
		Ref: table.Ref{Type: table.Scope, Name: name}, Body: body,
		Needs: append(needs, table.Ref{Type: table.Route, Name: name}), Invalid: e.invalid(),
	}
}
