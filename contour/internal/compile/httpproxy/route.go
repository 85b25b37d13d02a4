package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// maxBody bounds the body of a direct response in bytes: what Envoy accepts by default.
const maxBody = 4096

// route is a route of the host as on a listener with TLS.
type route struct {
	ir.Route
	insecure    bool // it may be served without TLS as well
	placeholder bool // it answers in the place of what cannot be served: any other route with an equal match counts instead
}

// builder is the work on one route.
type builder struct {
	*proxy
	at      path
	spec    *contourv1.Route
	invalid bool // something in the route cannot be served as asked
}

// reject notes an error that makes the route answer 500.
func (b *builder) reject(f subCondition, at path, format string, args ...any) {
	b.errorf(f, at, format, args...)
	b.invalid = true
}

// route is the i-th route of the proxy, under the conditions of the inclusions above. There is none if no request can meet
// both, or if its own conditions cannot be read: it is not known then which requests should get an error.
func (p *proxy) route(i int, above conditions) (route, bool) {
	b := &builder{proxy: p, at: path("spec.routes").at(i), spec: &p.spec.Routes[i]}
	at := b.at.dot("conditions")
	own, ok := p.conditions(b.spec.Conditions, at, report.TypeRoute)
	if !ok {
		return p.unmatched(above)
	}
	all, ok := p.join(above, own, at, report.TypeRoute)
	if !ok {
		return route{}, false
	}
	rt := route{Route: ir.Route{Match: all.match(), Origin: p.key}, insecure: b.spec.PermitInsecure}
	b.answer(&rt.Route)
	if b.invalid {
		rt.Route = p.failing(rt.Match, 500).Route
	}
	return rt, true
}

// unmatched stands for a route whose own conditions cannot be read, if it was included under some: the requests that were
// delegated to it, as far as no other route is for them, must not fall through to those of the proxy that delegated them.
func (p *proxy) unmatched(above conditions) (route, bool) {
	if above.trivial() {
		return route{}, false
	}
	rt := p.failing(above.match(), 500)
	rt.placeholder = true
	return rt, true
}

// answer fills in what the route does with its requests.
func (b *builder) answer(rt *ir.Route) {
	b.checkProtections()
	b.reportUnsupported()
	rt.Policies = b.policies()
	request, host := b.headers(headerPolicy{
		spec: b.spec.RequestHeadersPolicy, at: b.at.dot("requestHeadersPolicy"), request: true,
		condition: subCondition{report.TypeRoute, report.RequestHeadersPolicyInvalid},
		known:     variables{namespace: b.key.Namespace},
	})
	rt.ResponseHeaders, _ = b.headers(headerPolicy{
		spec: b.spec.ResponseHeadersPolicy, at: b.at.dot("responseHeadersPolicy"),
		condition: subCondition{report.TypeRoute, report.ResponseHeaderPolicyInvalid},
		known:     variables{namespace: b.key.Namespace},
	})
	switch redirect, direct := b.spec.RequestRedirectPolicy, b.spec.DirectResponsePolicy; {
	case b.actions() != 1:
		b.reject(subCondition{report.TypeRoute, report.RouteActionCountNotValid}, b.at,
			"The route has %d of services, requestRedirectPolicy and directResponsePolicy instead of one.", b.actions())
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

// forward makes the route send its requests to its services, or answer 503 if none of them can be had.
func (b *builder) forward(rt *ir.Route, host *ir.HostRewrite) {
	f := &ir.Forward{Host: host, Websocket: b.spec.EnableWebsockets, Rewrite: b.rewrite(rt.Match.Path), Retry: b.retry()}
	limits := b.timeouts()
	f.Timeout, f.Idle = limits.response, limits.idle
	f.Backends = b.backends(limits.connection, host)
	if len(f.Backends) == 0 {
		policies := rt.Policies
		*rt = b.failing(rt.Match, 503).Route
		rt.Policies = policies
		return
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
