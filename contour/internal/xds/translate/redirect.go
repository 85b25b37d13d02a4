package translate

import (
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

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
	switch {
	case r.Path != "":
		action.PathRewriteSpecifier = &routev3.RedirectAction_PathRedirect{PathRedirect: r.Path}
	case r.Prefix != "":
		setPathRewrite(action, path, r.Prefix)
	}
	return action
}

// toHTTPS redirects to the standard port. Envoy keeps the port of the request unless the action has a host or port: the
// action has the hostname if it is exact, else the port.
func toHTTPS(action *routev3.RedirectAction, hostname string) {
	action.SchemeRewriteSpecifier = &routev3.RedirectAction_HttpsRedirect{HttpsRedirect: true}
	switch {
	case action.HostRedirect != "" || action.PortRedirect != 0:
	case strings.HasPrefix(hostname, "*"):
		action.PortRedirect = 443
	default:
		action.HostRedirect = hostname
	}
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
