package translate

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
)

// route returns one route of the host, without its policies. If a policy is invalid, the route responds with an error.
func route(e *encoder, of ir.Route, host *ir.VirtualHost) *routev3.Route {
	hostname := host.Key.Hostname
	if of.Policies.Invalid() || host.Policies.Invalid() {
		of = ir.Route{Match: of.Match, Direct: &ir.Direct{Code: 500}}
	}
	r := &routev3.Route{
		Match:                   routeMatch(of.Match, hostname),
		RequestHeadersToAdd:     setHeaders(of.RequestHeaders.Set),
		RequestHeadersToRemove:  of.RequestHeaders.Remove,
		ResponseHeadersToAdd:    setHeaders(of.ResponseHeaders.Set),
		ResponseHeadersToRemove: of.ResponseHeaders.Remove,
	}
	setAction(e, r, of, hostname)
	if r.GetRoute() != nil && of.Forward.Websocket {
		r.Name = websocketRoute
	}
	return r
}
