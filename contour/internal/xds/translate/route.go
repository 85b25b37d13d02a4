package translate

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
)

// route returns one route of the host, without its policies. If a policy is invalid, the route responds with an error.
func route(e *encoder, of ir.Route, host *ir.VirtualHost) *routev3.Route {
	hostname := host.Key.Hostname
	if code := failureOf(&of, host.Policies); code != 0 {
		of = ir.Route{Match: of.Match, Subdomains: of.Subdomains, Direct: &ir.Direct{Code: code}, Origin: of.Origin}
	}
	r := &routev3.Route{
		Match:                   routeMatch(of, hostname),
		RequestHeadersToAdd:     setHeaders(of.RequestHeaders.Set),
		RequestHeadersToRemove:  of.RequestHeaders.Remove,
		ResponseHeadersToAdd:    setHeaders(of.ResponseHeaders.Set),
		ResponseHeadersToRemove: of.ResponseHeaders.Remove,
	}
	if host.LogObjects {
		r.Metadata = logMetadata(of.Origin)
	}
	setAction(e, r, of, hostname)
	if r.GetRoute() != nil && of.Forward.Websocket {
		r.Name = websocketRoute
	}
	if redirectsOf(&of) != nil {
		setRedirectScope(r, host)
	}
	return r
}

// failureOf returns the code with which a route responds instead of being served without a policy; 0 if it has all of them.
// A route that requires no token, or one of another provider, is served when that of its host cannot be verified.
func failureOf(r *ir.Route, host *ir.Policies) uint32 {
	all := r.Policies.WithDefaults(host)
	jwt, limit := all.JWT, all.GlobalRateLimit
	switch {
	case limit != nil && limit.Invalid && reachesBackend(r):
		return 500
	case r.Policies.Invalid(), host.Invalid(), jwt != nil && jwt.Invalid, authorizationOf(r, host).Refuses():
		return 500
	case jwt != nil && jwt.Unavailable:
		return 503
	}
	return 0
}
