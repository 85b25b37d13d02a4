package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

const misdirectedName = "envoy.filters.http.lua"

// misdirectedFilter returns the filter that responds with 421 to a request whose host is not the server name of its TLS
// connection. Wildcard hosts need it, and shared filter chains for requests without a route: for other requests, the catch-all
// virtual host of the route table does the same without cost, and the table disables the filter. All filters share one
// interpreter for each worker.
func misdirectedFilter(e *encoder) *hcmv3.HttpFilter {
	return httpFilter(e, misdirectedName, &luav3.Lua{
		DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: misdirectedScript}},
		SharedVmId:        "misdirected",
	})
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
