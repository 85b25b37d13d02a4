package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// mirrors collects the mirror of a route.
type mirrors struct {
	*builder
	specified bool
	found     *ir.Mirror // nil: there is none, or its Service is not usable
}

// add adds a service that is a mirror. Its weight is the percentage of the requests that it gets, and 0 stands for all, as in
// Contour.
func (m *mirrors) add(spec *contourv1.Service, backend ir.Backend, v availability, at path) {
	if m.specified {
		m.reject(subCondition{report.TypeService, report.OnlyOneMirror}, at.dot("mirror"), "The route has another mirror; at most one is possible.")
		return
	}
	m.specified = true
	for _, f := range []field{
		{"requestHeadersPolicy", spec.RequestHeadersPolicy != nil},
		{"responseHeadersPolicy", spec.ResponseHeadersPolicy != nil},
		{"cookieRewritePolicies", len(spec.CookieRewritePolicies) > 0},
	} {
		if f.set {
			m.warnf(subCondition{report.TypeService, report.IgnoredField}, at.dot(f.name), "The requests to a mirror are not changed; %s has no effect.", f.name)
		}
	}
	percent := spec.Weight
	switch {
	case percent < 0 || percent > 100:
		m.reject(subCondition{report.TypeService, report.ServiceWeightInvalid}, at.dot("weight"), "The weight %d of a mirror is not a percentage from 0 to 100.", percent)
		return
	case percent == 0:
		percent = 100
	}
	if v == usable {
		m.found = &ir.Mirror{Cluster: backend.Cluster, PerMillion: 10_000 * uint32(percent)}
	}
}
