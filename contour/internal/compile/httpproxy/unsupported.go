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

func (p *proxy) warnUnsupported(f field, at path, t report.Type) {
	if f.set {
		p.warnf(unsupported(t), at.dot(f.name), "This version does not support %s; the field is ignored.", f.name)
	}
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
