package httpproxy

import (
	"slices"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// maxInternalRedirects bounds the redirects that Envoy follows for one request, as browsers do: a backend that redirects to itself
// must not keep Envoy busy for ever.
const maxInternalRedirects = 20

// internalRedirects converts the redirects of the route's services that Envoy follows; nil if there are none.
func (b *builder) internalRedirects() *ir.InternalRedirects {
	spec := b.spec.InternalRedirectPolicy
	if spec == nil {
		return nil
	}
	ignored, at := subCondition{report.TypeRoute, report.IgnoredField}, b.at.dot("internalRedirectPolicy")
	out := &ir.InternalRedirects{
		Max: max(1, spec.MaxInternalRedirects), Codes: b.internalRedirectCodes(spec.RedirectResponseCodes, at),
		CrossScheme: b.crossScheme(spec.AllowCrossSchemeRedirect, at), DenyRepeated: spec.DenyRepeatedRouteRedirect,
	}
	if out.Max > maxInternalRedirects {
		b.warnf(ignored, at.dot("maxInternalRedirects"), "Of %d redirects of a request, at most %d are followed.", out.Max, maxInternalRedirects)
		out.Max = maxInternalRedirects
	}
	if strings.HasPrefix(b.host.Fqdn, "*") {
		b.warnf(ignored, at, "Redirects on the wildcard host %s are not followed, and clients receive them.", quoted(b.host.Fqdn))
		return nil
	}
	return out
}

// internalRedirectCodes returns the status codes of the redirects that are followed, sorted; Envoy accepts each code once.
func (b *builder) internalRedirectCodes(codes []contourv1.RedirectResponseCode, at path) []uint32 {
	if len(codes) == 0 {
		return []uint32{302}
	}
	var out []uint32
	for i, code := range codes {
		if problem := validate.RedirectCode(uint32(code)); problem != "" {
			b.reject(subCondition{report.TypeRoute, report.InternalRedirectPolicyNotValid}, at.dot("redirectResponseCodes").at(i), "The status code %d %s.", code, problem)
			continue
		}
		out = append(out, uint32(code))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// crossScheme converts the selection of redirects to another scheme.
func (b *builder) crossScheme(name string, at path) ir.CrossScheme {
	switch name {
	case "", "Never":
	case "SafeOnly":
		return ir.CrossSchemeSafe
	case "Always":
		return ir.CrossSchemeAlways
	default:
		b.reject(subCondition{report.TypeRoute, report.InternalRedirectPolicyNotValid}, at.dot("allowCrossSchemeRedirect"), "%s is not one of Always, Never and SafeOnly.", quoted(name))
	}
	return ir.CrossSchemeNever
}
