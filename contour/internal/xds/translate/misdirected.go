package translate

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

const misdirectedName = "envoy.filters.http.lua"

// misdirectedFilter returns the filter that responds with 421 to a request whose host is not the server name of its TLS
// connection. Only wildcard hosts need it: the catch-all virtual host of other route tables does the same without cost. All filters
// share one interpreter for each worker.
func misdirectedFilter(e *encoder) *hcmv3.HttpFilter {
	return httpFilter(e, misdirectedName, &luav3.Lua{
		DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: misdirectedScript}},
		SharedVmId:        "misdirected",
	})
}

// coalescedFilter returns the filter of a shared filter chain under the same name, which selects the route table of a request for another
// host than the server name. It runs where a route table has no route, or leads to the virtual host for other hosts.
func coalescedFilter(e *encoder) *hcmv3.HttpFilter {
	return httpFilter(e, misdirectedName, &luav3.Lua{
		DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: coalescedScript}},
		SharedVmId:        "coalesced",
		ClearRouteCache:   wrapperspb.Bool(false), // the script does it when necessary
	})
}

// coalescedScript is the same for all filter chains: the header has the beginning of the keys of the filter chain after the separator.
const coalescedScript = `function envoy_on_request(request)
  local headers = request:headers()
  local asked = (headers:get(":authority") or ""):lower():gsub(":%d+$", "")
  if asked == request:streamInfo():requestedServerName():lower() then return end
  local chain = (headers:get("` + shardHeader + `") or ""):match(":(.*)$")
  headers:replace("` + shardHeader + `", (chain or "` + noScope + `") .. asked)
  request:clearRouteCache()
end
`

// coalescedReplies makes requests that the script has led to no route be answered with 421, after which clients use another connection.
func coalescedReplies(l ir.ListenerKey) *hcmv3.LocalReplyConfig {
	and := func(f ...*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
		return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{AndFilter: &accesslogv3.AndFilter{Filters: f}}}
	}
	return &hcmv3.LocalReplyConfig{Mappers: []*hcmv3.ResponseMapper{{
		Filter: and(
			&accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
				ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: []string{"NR"}},
			}},
			&accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_HeaderFilter{
				HeaderFilter: &accesslogv3.HeaderFilter{Header: coalesced(l)},
			}},
		),
		StatusCode: number(421),
	}}}
}

// coalesced matches the requests that the script has led to the route table of another host than the server name.
func coalesced(l ir.ListenerKey) *routev3.HeaderMatcher {
	return headerMatcher(ir.HeaderMatch{Name: shardHeader, Kind: ir.StringPrefix, Value: coalescedPrefix(l)})
}

// coalescedGuard returns the route that responds with 421 to requests on which the filters of policies would not run.
func coalescedGuard(e *encoder, l ir.ListenerKey) *routev3.Route {
	return &routev3.Route{
		Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}, Headers: []*routev3.HeaderMatcher{coalesced(l)}},
		Action: &routev3.Route_DirectResponse{DirectResponse: directResponse(e, ir.Direct{Code: 421})},
	}
}

// directed disables the filter for requests that have a route in the route table.
func directed(e *encoder, rc *routev3.RouteConfiguration) {
	rc.TypedPerFilterConfig = map[string]*anypb.Any{misdirectedName: e.pack(&routev3.FilterConfig{Disabled: true})}
}

const misdirectedScript = `function envoy_on_request(request)
  local asked = (request:headers():get(":authority") or ""):lower():gsub(":%d+$", "")
  if asked ~= request:streamInfo():requestedServerName():lower() then
    request:respond({[":status"] = "421"}, "")
  end
end
`
