package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// maxBody bounds the body of a direct response in bytes: what Envoy accepts by default.
const maxBody = 4096

// route is a route of the host for a listener with TLS.
type route struct {
	ir.Route
	insecure    bool // may be served without TLS as well
	placeholder bool // answers with an error for what cannot be served; any other route with an equal match replaces it
}

// builder converts one route.
type builder struct {
	*proxy
	at      path
	spec    *contourv1.Route
	invalid bool               // the route cannot be served as specified
	cookies *ir.CookieRewrites // of the route; nil: none
}

// reject reports an error because of which the route answers with 500.
func (b *builder) reject(f subCondition, at path, format string, args ...any) {
	b.errorf(f, at, format, args...)
	b.invalid = true
}

// route is the i-th route of the proxy, under the conditions of the inclusions above, or what is refused in its place
// because these conditions and its own cannot be used.
func (p *proxy) route(i int, above conditions) answered {
	b := &builder{proxy: p, at: path("spec.routes").at(i), spec: &p.spec.Routes[i]}
	at, source := b.at.dot("conditions"), ir.SourceAt(i, 0)
	own := p.conditions(b.spec.Conditions, at, report.TypeRoute)
	if !own.valid {
		return answered{refused: from(source, p.refused(above, own))}
	}
	all, ok := p.join(above, own.conditions, at, report.TypeRoute)
	if !ok {
		return answered{refused: from(source, p.refused(above, own))}
	}
	if !b.affordsRoute(all, own.path, at) {
		return answered{refused: from(source, p.refused(above.withoutExpressions(), own.withoutExpressions()))}
	}
	rt := route{Route: ir.Route{Match: all.match(), Origin: p.key}, insecure: b.spec.PermitInsecure}
	b.answer(&rt.Route)
	if b.invalid {
		rt.Route = p.failing(rt.Match, 500).Route
	}
	rt.Source = source
	return answered{routes: []route{rt}}
}

// answer sets the action of the route.
func (b *builder) answer(rt *ir.Route) {
	rt.Policies = b.policies()
	if rt.Policies != nil {
		b.cookies = rt.Policies.Cookies
	}
	request, host := b.headers(headerPolicy{
		spec: b.spec.RequestHeadersPolicy, at: b.at.dot("requestHeadersPolicy"), request: true,
		condition: subCondition{report.TypeRoute, report.RequestHeadersPolicyInvalid},
		variables: validate.Variables{Namespace: b.key.Namespace},
	})
	rt.ResponseHeaders, _ = b.headers(headerPolicy{
		spec: b.spec.ResponseHeadersPolicy, at: b.at.dot("responseHeadersPolicy"),
		condition: subCondition{report.TypeRoute, report.ResponseHeaderPolicyInvalid},
		variables: validate.Variables{Namespace: b.key.Namespace},
	})
	switch redirect, direct := b.spec.RequestRedirectPolicy, b.spec.DirectResponsePolicy; {
	case b.actions() != 1:
		b.reject(subCondition{report.TypeRoute, report.RouteActionCountNotValid}, b.at,
			"The route has %d of services, requestRedirectPolicy and directResponsePolicy; exactly one is required.", b.actions())
	case redirect != nil:
		rt.Redirect = b.redirect(redirect, rt.Match.Path)
	case direct != nil:
		rt.Direct = b.direct(direct)
	default:
		rt.RequestHeaders = request
		b.forward(rt, host)
	}
}

func (b *builder) actions() int {
	n := min(len(b.spec.Services), 1)
	if b.spec.RequestRedirectPolicy != nil {
		n++
	}
	if b.spec.DirectResponsePolicy != nil {
		n++
	}
	return n
}

// forward makes the route forward requests to its services, or answer with 503 if none of them is usable.
func (b *builder) forward(rt *ir.Route, host *ir.HostRewrite) {
	f := &ir.Forward{Host: host, Websocket: b.spec.EnableWebsockets, Rewrite: b.rewrite(rt.Match.Path), Retry: b.retry()}
	limits := b.timeouts()
	f.Timeout, f.Idle = limits.response, limits.idle
	tuning := ir.Tuning{Idle: limits.connection, Health: b.healthCheck()}
	var special ir.Special
	tuning.Balancing, special.Hash = b.balancing()
	special.Redirects = b.internalRedirects()
	tuning.FollowRedirects = special.Redirects != nil
	var mirror *ir.Mirror
	f.Backends, mirror = b.backends(tuning, host)
	if len(f.Backends) == 0 {
		policies := rt.Policies
		*rt = b.failing(rt.Match, 503).Route
		rt.Policies = policies
		return
	}
	if mirror != nil {
		special.Mirrors = []ir.Mirror{*mirror}
	}
	if special.Hash != nil || special.Mirrors != nil || special.Redirects != nil {
		f.Special = &special
	}
	rt.Forward = f
}

func (b *builder) direct(d *contourv1.HTTPDirectResponsePolicy) *ir.Direct {
	f := subCondition{report.TypeRoute, report.DirectResponsePolicyNotValid}
	at := b.at.dot("directResponsePolicy")
	if problem := validate.DirectCode(d.StatusCode); problem != "" {
		b.reject(f, at.dot("statusCode"), "The status code %d %s.", d.StatusCode, problem)
		return nil
	}
	if len(d.Body) > maxBody {
		b.reject(f, at.dot("body"), "The body is longer than %d bytes.", maxBody)
		return nil
	}
	return &ir.Direct{Code: uint32(d.StatusCode), Body: d.Body}
}
