package translate

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
)

// route is one route of the host with that name.
func route(e *encoder, of ir.Route, hostname string) *routev3.Route {
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
