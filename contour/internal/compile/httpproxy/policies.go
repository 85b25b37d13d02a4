package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/authorization"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// hostPolicies returns the policies of the virtual host; nil if there are none. An invalid section is marked Invalid,
// except CORS, which protects no backend: without it browsers block other origins.
func (p *proxy) hostPolicies() *ir.Policies {
	at := path("spec.virtualhost")
	out := ir.Policies{}
	if spec := p.host.CORSPolicy; spec != nil {
		out.CORS = p.cors(spec, at.dot("corsPolicy"))
	}
	filters := ipPolicies{allow: p.host.IPAllowFilterPolicy, deny: p.host.IPDenyFilterPolicy, at: at}
	if filter, ok := p.ipFilter(filters); ok {
		out.IPFilter = filter
	} else {
		out.IPFilter = &ir.IPFilter{Invalid: true}
	}
	limit, ok := p.localRateLimit(p.host.RateLimitPolicy, at.dot("rateLimitPolicy"), report.TypeVirtualHost)
	if !ok {
		limit = &ir.LocalRateLimit{Invalid: true}
	}
	out.LocalRateLimit, out.JWT = limit, p.tokens.host
	p.asked, p.limited = p.hostAuthorization(at), p.hostGlobalLimit(at)
	out.Authorization, out.GlobalRateLimit = p.asked, p.limited
	for _, global := range [...]*ir.Policies{p.env.Authorization.Global(p.reader).Policies, p.env.RateLimits.Service(p.reader).Policies} {
		if global != nil && *global == out { // shared by all such hosts
			return global
		}
	}
	return orNil(out)
}

// policies returns the policies of the route; nil if there are none. An invalid policy rejects the route.
func (b *builder) policies() *ir.Policies {
	filter, ok := b.ipFilter(ipPolicies{allow: b.spec.IPAllowFilterPolicy, deny: b.spec.IPDenyFilterPolicy, at: b.at})
	limit, valid := b.localRateLimit(b.spec.RateLimitPolicy, b.at.dot("rateLimitPolicy"), report.TypeRoute)
	global, sound := b.routeGlobalLimit()
	cookies := b.cookieRewrites(b.spec.CookieRewritePolicies, b.at.dot("cookieRewritePolicies"))
	out := ir.Policies{
		IPFilter: filter, LocalRateLimit: limit, JWT: b.jwt(), Authorization: b.authorization(), Cookies: cookies, GlobalRateLimit: global,
	}
	b.invalid = b.invalid || !ok || !valid || !sound || !b.repeatsHostLimit(out)
	return orNil(out)
}

func orNil(p ir.Policies) *ir.Policies {
	if p == (ir.Policies{}) {
		return nil
	}
	return &p
}

// requestsOnly returns the policies of a virtual host that can be served for requests and not for connections.
func requestsOnly(h *contourv1.VirtualHost) []field {
	limits, _ := limitsGlobally(h.RateLimitPolicy)
	return []field{
		{"ipAllowPolicy", len(h.IPAllowFilterPolicy) > 0},
		{"ipDenyPolicy", len(h.IPDenyFilterPolicy) > 0},
		{"rateLimitPolicy.local", h.RateLimitPolicy != nil && h.RateLimitPolicy.Local != nil},
		{"rateLimitPolicy.global", limits},
		{"jwtProviders", len(h.JWTProviders) > 0},
		{"authorization", namesService(h.Authorization) && authorization.Mode(h.Authorization.AuthPolicy) != ir.AuthorizeNever},
	}
}

// servesConnections reports whether the connections of a tcpproxy may be served: not on a host with a policy that
// applies to requests only.
func (p *proxy) servesConnections() bool {
	ok := true
	for _, f := range requestsOnly(p.host) {
		if f.set {
			p.errorf(subCondition{report.TypeTCPProxy, report.FeatureNotSupported}, path("spec.virtualhost").dot(f.name),
				"This version does not support %s with a tcpproxy; the connections are not served.", f.name)
			ok = false
		}
	}
	if p.host.CORSPolicy != nil && len(p.spec.Routes)+len(p.spec.Includes) == 0 {
		p.warnf(subCondition{report.TypeTCPProxy, report.IgnoredField}, "spec.virtualhost.corsPolicy", "In a tcpproxy corsPolicy has no effect.")
	}
	return ok
}
