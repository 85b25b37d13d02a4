package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/report"
)

// field is a field of an object.
type field struct {
	name string
	set  bool
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
