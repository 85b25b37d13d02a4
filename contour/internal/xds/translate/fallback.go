package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// Fallback returns what is sent instead of a part that Envoy rejects, or that is invalid, while no content of it was
// accepted: a virtual host that answers 503 for the same domains, a filter chain that closes connections. Left
// out, a broader host would answer for it. It returns nil if the part has none: a listener filter, or a part that
// is not decoded.
func Fallback(t table.Type, field protowire.Number, part []byte) []byte {
	switch {
	case t == table.Route && field == virtualHostsField:
		return closedVirtualHost(part)
	case t == table.Listener && field == filterChainsField:
		return closedFilterChain(part)
	}
	return nil
}

func closedVirtualHost(part []byte) []byte {
	var of routev3.VirtualHost
	if proto.Unmarshal(part, &of) != nil {
		return nil
	}
	e := &encoder{}
	body := e.bytes(&routev3.VirtualHost{Name: of.GetName(), Domains: of.GetDomains(), Routes: []*routev3.Route{{
		Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_DirectResponse{DirectResponse: directResponse(e, ir.Direct{Code: 503})},
	}}})
	return validOnly(e, body)
}

// closedFilterChain has no filters: Envoy closes the connections.
func closedFilterChain(part []byte) []byte {
	var of listenerv3.FilterChain
	if proto.Unmarshal(part, &of) != nil {
		return nil
	}
	e := &encoder{}
	return validOnly(e, e.bytes(&listenerv3.FilterChain{Name: of.GetName(), FilterChainMatch: of.GetFilterChainMatch()}))
}

func validOnly(e *encoder, body []byte) []byte {
	if e.invalid() != "" {
		return nil
	}
	return body
}
