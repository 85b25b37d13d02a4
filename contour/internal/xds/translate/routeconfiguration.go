package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// virtualHostsField is the field number of RouteConfiguration.virtual_hosts.
const virtualHostsField = 2

// routeConfiguration returns the route table with that name and virtual hosts; options modify it.
func routeConfiguration(name string, hosts []table.Part, options ...func(*encoder, *routev3.RouteConfiguration)) *table.Resource {
	e := &encoder{}
	rc := &routev3.RouteConfiguration{
		Name:                           name,
		IgnorePortInHostMatching:       true,
		MaxDirectResponseBodySizeBytes: wrapperspb.UInt32(maxDirectBody),
		RequestHeadersToAdd: []*corev3.HeaderValueOption{{
			Header:       &corev3.HeaderValue{Key: "x-request-start", Value: "t=%START_TIME(%s.%3f)%"},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}},
		RequestHeadersToRemove: []string{shardHeader},
	}
	for _, add := range options {
		add(e, rc)
	}
	body := e.bytes(rc)
	return &table.Resource{
		Ref: table.Ref{Type: table.Route, Name: name}, Body: body, Field: virtualHostsField, Parts: hosts, Invalid: e.invalid(),
	}
}

// addMisdirectedHost adds the virtual host for other hosts to the route table of a TLS host.
func addMisdirectedHost(_ *encoder, rc *routev3.RouteConfiguration) {
	rc.VirtualHosts = []*routev3.VirtualHost{misdirectedHost()}
}

// misdirectedHost returns the virtual host for requests to other hosts that a client sends over a connection that it opened
// for the TLS host: it responds with 421, after which the client uses another connection (RFC 9110, 15.5.20). On a shared filter chain
// the script runs before, since the virtual host enables it.
func misdirectedHost() *routev3.VirtualHost {
	e := &encoder{}
	return &routev3.VirtualHost{Name: misdirectedHostName, Domains: []string{"*"}, Routes: []*routev3.Route{{
		Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_DirectResponse{DirectResponse: directResponse(e, ir.Direct{Code: 421})},
	}}, TypedPerFilterConfig: map[string]*anypb.Any{misdirectedName: e.pack(&luav3.LuaPerRoute{FilterContext: &structpb.Struct{}})}}
}
