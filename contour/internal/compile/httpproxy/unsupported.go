package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/report"
)

// This file is about the fields of HTTPProxy that are not served yet. A field that protects something makes what it
// protects answer 500, on every listener; where no answer can be given, for a tcpproxy, the host is not served.
// Any other field is left out. Both are reported. A field that becomes supported is removed here.

// unsupported is the sub-condition of a field that is not served.
func unsupported(t report.Type) subCondition { return subCondition{t, report.FeatureNotSupported} }

// field is a field that a user may have set.
type field struct {
	name string
	set  bool
}

// protections is the fields of a virtual host that protect its routes.
func protections(h *contourv1.VirtualHost) []field {
	return []field{
		{"authorization", h.Authorization != nil},
		{"jwtProviders", len(h.JWTProviders) > 0},
		{"rateLimitPolicy.global", limitsGlobally(h.RateLimitPolicy)},
		{"tls.clientValidation", validatesClients(h)},
	}
}

func validatesClients(h *contourv1.VirtualHost) bool {
	return h.TLS != nil && h.TLS.ClientValidation != nil
}

// limitsGlobally reports whether the policy has a global limit: one that only turns the global limits off does not.
func limitsGlobally(r *contourv1.RateLimitPolicy) bool {
	return r != nil && r.Global != nil && !r.Global.Disabled
}

// unsupportedProtection reports whether the host has a protection that is not served.
func (c *compiler) unsupportedProtection() bool {
	for _, g := range protections(c.host) {
		if g.set {
			return true
		}
	}
	return false
}

// reportHost reports the fields of the virtual host.
func (p *proxy) reportHost() {
	at := path("spec.virtualhost")
	for _, g := range protections(p.host) {
		if g.set {
			p.errorf(unsupported(report.TypeVirtualHost), at.dot(g.name),
				"This version cannot serve %s; what it protects is not served.", g.name)
		}
	}
	fallback := p.host.TLS != nil && p.host.TLS.EnableFallbackCertificate
	p.warnUnsupported(field{"tls.enableFallbackCertificate", fallback}, at, report.TypeVirtualHost)
}

func (p *proxy) warnUnsupported(f field, at path, t report.Type) {
	if f.set {
		p.warnf(unsupported(t), at.dot(f.name), "This version cannot serve %s; it is left out.", f.name)
	}
}

// checkProtections rejects the route if a protection of it, or of the virtual host for it, is not served.
func (b *builder) checkProtections() {
	r := b.spec
	for _, g := range []field{
		{"authPolicy", r.AuthPolicy != nil && !disabled(r.AuthPolicy)},
		{"jwtVerificationPolicy", r.JWTVerificationPolicy != nil && requiresToken(r.JWTVerificationPolicy)},
		{"rateLimitPolicy.global", limitsGlobally(r.RateLimitPolicy)},
	} {
		if g.set {
			b.reject(unsupported(report.TypeRoute), b.at.dot(g.name),
				"This version cannot serve %s; the route is not served.", g.name)
		}
	}
	if b.protectedByHost() {
		b.invalid = true
	}
}

// protectedByHost reports whether a protection of the virtual host, all of which are not served, holds for the route.
func (b *builder) protectedByHost() bool {
	h, r := b.host, b.spec
	return limitsGlobally(h.RateLimitPolicy) || validatesClients(h) ||
		h.Authorization != nil && authorizes(h.Authorization, r.AuthPolicy) ||
		verifiesTokens(h.JWTProviders, r.JWTVerificationPolicy)
}

// authorizes reports whether requests of a route with the policy, which may be nil, are authorized.
func authorizes(a *contourv1.AuthorizationServer, p *contourv1.AuthorizationPolicy) bool {
	if p != nil && p.Disabled != nil {
		return !*p.Disabled
	}
	return a.AuthPolicy == nil || !disabled(a.AuthPolicy)
}

func disabled(p *contourv1.AuthorizationPolicy) bool { return p.Disabled != nil && *p.Disabled }

// requiresToken takes a policy that contradicts itself for one that requires a token.
func requiresToken(p *contourv1.JWTVerificationPolicy) bool { return p.Require != "" || !p.Disabled }

// verifiesTokens reports whether requests of a route with the policy, which may be nil, need a token of a provider.
func verifiesTokens(providers []contourv1.JWTProvider, p *contourv1.JWTVerificationPolicy) bool {
	if p != nil {
		return requiresToken(p)
	}
	for i := range providers {
		if providers[i].Default {
			return true
		}
	}
	return false
}

// reportUnsupported reports the fields of the route that are left out.
func (b *builder) reportUnsupported() {
	r := b.spec
	for _, f := range []field{
		{"healthCheckPolicy", r.HealthCheckPolicy != nil},
		{"loadBalancerPolicy", r.LoadBalancerPolicy != nil && notRoundRobin(r.LoadBalancerPolicy)},
		{"internalRedirectPolicy", r.InternalRedirectPolicy != nil},
		{"cookieRewritePolicies", len(r.CookieRewritePolicies) > 0},
	} {
		b.warnUnsupported(f, b.at, report.TypeRoute)
	}
}

// notRoundRobin reports whether the policy asks for anything but the strategy that is served.
func notRoundRobin(l *contourv1.LoadBalancerPolicy) bool {
	return l.Strategy != "" && l.Strategy != "RoundRobin"
}

// reportUnsupportedService reports the fields of a service of a route that are left out.
func (p *proxy) reportUnsupportedService(s *contourv1.Service, at path) {
	for _, f := range []field{
		{"mirror", s.Mirror},
		{"slowStartPolicy", s.SlowStartPolicy != nil},
		{"cookieRewritePolicies", len(s.CookieRewritePolicies) > 0},
	} {
		p.warnUnsupported(f, at, report.TypeService)
	}
}

// reportUnsupportedTCP reports the fields of a tcpproxy that are left out.
func (p *proxy) reportUnsupportedTCP(t *contourv1.TCPProxy, at path) {
	p.warnUnsupported(field{"healthCheckPolicy", t.HealthCheckPolicy != nil}, at, report.TypeTCPProxy)
	if t.LoadBalancerPolicy == nil || !notRoundRobin(t.LoadBalancerPolicy) {
		return
	}
	switch s := t.LoadBalancerPolicy.Strategy; s {
	case "Cookie", "RequestHash":
		p.warnf(subCondition{report.TypeTCPProxy, report.IgnoredField}, at.dot("loadBalancerPolicy").dot("strategy"),
			"The strategy %s is for requests, of which a tcpproxy knows nothing.", s)
	default:
		p.warnUnsupported(field{"loadBalancerPolicy", true}, at, report.TypeTCPProxy)
	}
}

// reportIgnoredTCP reports the fields of a service of a tcpproxy that make sense for requests only.
func (p *proxy) reportIgnoredTCP(s *contourv1.Service, at path) {
	for _, f := range []field{
		{"mirror", s.Mirror},
		{"requestHeadersPolicy", s.RequestHeadersPolicy != nil},
		{"responseHeadersPolicy", s.ResponseHeadersPolicy != nil},
		{"cookieRewritePolicies", len(s.CookieRewritePolicies) > 0},
		{"slowStartPolicy", s.SlowStartPolicy != nil},
	} {
		if f.set {
			p.warnf(subCondition{report.TypeTCPProxy, report.IgnoredField}, at.dot(f.name), "In a tcpproxy %s has no effect.", f.name)
		}
	}
}
