package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/report"
)

// This file contains the fields of HTTPProxy that are not supported. The routes that such a field protects answer with
// 500, on every listener; a tcpproxy cannot answer, and is not served. A field that protects nothing is ignored. Both are
// reported. A field that becomes supported is removed from this file.

// unsupported returns the sub-condition of a field that is not supported.
func unsupported(t report.Type) subCondition { return subCondition{t, report.FeatureNotSupported} }

// field is a field of an object.
type field struct {
	name string
	set  bool
}

// protections returns the fields of a virtual host that protect its routes and are not supported.
func protections(h *contourv1.VirtualHost) []field {
	return []field{
		{"rateLimitPolicy.global", limitsGlobally(h.RateLimitPolicy)},
	}
}

// limitsGlobally reports whether the policy has a global limit; a policy that disables the global limits has none.
func limitsGlobally(r *contourv1.RateLimitPolicy) bool {
	return r != nil && r.Global != nil && !r.Global.Disabled
}

// unsupportedProtection reports whether the host has a protection that is not supported.
func (c *compiler) unsupportedProtection() bool {
	for _, g := range protections(c.host) {
		if g.set {
			return true
		}
	}
	return false
}

// reportHost reports the unsupported fields of the virtual host.
func (p *proxy) reportHost() {
	at := path("spec.virtualhost")
	for _, g := range protections(p.host) {
		if g.set {
			p.errorf(unsupported(report.TypeVirtualHost), at.dot(g.name),
				"This version does not support %s; the routes that it protects are not served.", g.name)
		}
	}
}

func (p *proxy) warnUnsupported(f field, at path, t report.Type) {
	if f.set {
		p.warnf(unsupported(t), at.dot(f.name), "This version does not support %s; the field is ignored.", f.name)
	}
}

// checkProtections rejects the route if a protection of the route, or of the virtual host for the route, is not supported.
func (b *builder) checkProtections() {
	r := b.spec
	for _, g := range []field{
		{"rateLimitPolicy.global", limitsGlobally(r.RateLimitPolicy)},
	} {
		if g.set {
			b.reject(unsupported(report.TypeRoute), b.at.dot(g.name),
				"This version does not support %s; the route is not served.", g.name)
		}
	}
	if b.protectedByHost() {
		b.invalid = true
	}
}

// protectedByHost reports whether an unsupported protection of the virtual host applies to the route.
func (b *builder) protectedByHost() bool {
	return limitsGlobally(b.host.RateLimitPolicy)
}

// reportIgnoredTCP reports the fields of a service of a tcpproxy that apply to requests only.
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
