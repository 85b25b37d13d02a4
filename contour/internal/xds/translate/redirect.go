package translate

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/ir"
)

// redirect returns the action that redirects a request that path matched, on a host with that name.
func redirect(r ir.Redirect, path ir.PathMatch, hostname string) *routev3.RedirectAction {
	action := &routev3.RedirectAction{
		HostRedirect: r.Hostname,
		PortRedirect: r.Port,
		ResponseCode: redirectCode(r.Code),
	}
	switch {
	case r.HTTPS:
		toHTTPS(action, hostname)
	case r.Scheme != "":
		action.SchemeRewriteSpecifier = &routev3.RedirectAction_SchemeRedirect{SchemeRedirect: r.Scheme}
	}
	if r.StandardPort {
		removePort(action, hostname)
	}
	switch {
	case r.Path != "":
		action.PathRewriteSpecifier = &routev3.RedirectAction_PathRedirect{PathRedirect: r.Path}
	case r.Prefix != "":
		setPathRewrite(action, path, r.Prefix)
	}
	return action
}

// toHTTPS redirects to the standard port.
func toHTTPS(action *routev3.RedirectAction, hostname string) {
	action.SchemeRewriteSpecifier = &routev3.RedirectAction_HttpsRedirect{HttpsRedirect: true}
	removePort(action, hostname)
}

// removePort removes the port of the request, which Envoy keeps unless it is the standard one or the action has a host or port: the
// action has the hostname if it is exact. For a wildcard see withPort.
func removePort(action *routev3.RedirectAction, hostname string) {
	if action.HostRedirect == "" && action.PortRedirect == 0 && !wildcard(hostname) {
		action.HostRedirect = hostname
	}
}

// withPort returns the route to precede r, made of a route of a host, for requests that name a port other than 80: it
// redirects to the standard port by its number. It is nil for what does not redirect to a standard port on a wildcard host.
// Without a port in the request there is none in the redirect either.
func withPort(r *routev3.Route, of *ir.Route, hostname string) *routev3.Route {
	action := r.GetRedirect()
	if action == nil || !of.Redirect.HTTPS && !of.Redirect.StandardPort || !wildcard(hostname) || action.GetHostRedirect() != "" || action.GetPortRedirect() != 0 {
		return nil
	}
	out := proto.CloneOf(r)
	out.GetRedirect().PortRedirect = 443
	if !of.Redirect.HTTPS && of.Redirect.Scheme == "http" {
		out.GetRedirect().PortRedirect = 80
	}
	out.Match.Headers = append(
		out.Match.Headers,
		headerMatcher(ir.HeaderMatch{Name: ":authority", Kind: ir.StringRegex, Value: ".*:[0-9]+"}),
		headerMatcher(ir.HeaderMatch{Name: ":authority", Kind: ir.StringSuffix, Value: ":80", Invert: true}),
	)
	return out
}

func setPathRewrite(action *routev3.RedirectAction, path ir.PathMatch, to string) {
	prefix, regex := rewrite(path, to)
	if regex != nil {
		action.PathRewriteSpecifier = &routev3.RedirectAction_RegexRewrite{RegexRewrite: regex}
		return
	}
	action.PathRewriteSpecifier = &routev3.RedirectAction_PrefixRewrite{PrefixRewrite: prefix}
}

func redirectCode(code uint32) routev3.RedirectAction_RedirectResponseCode {
	switch code {
	case 301:
		return routev3.RedirectAction_MOVED_PERMANENTLY
	case 303:
		return routev3.RedirectAction_SEE_OTHER
	case 307:
		return routev3.RedirectAction_TEMPORARY_REDIRECT
	case 308:
		return routev3.RedirectAction_PERMANENT_REDIRECT
	}
	return routev3.RedirectAction_FOUND
}
