package httpproxy

import (
	"net/url"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// maxCORSValues bounds each list of a CORS policy.
const maxCORSValues = 256

// cors converts a CORS policy; nil if a field of it is invalid.
func (p *proxy) cors(spec *contourv1.CORSPolicy, at path) *ir.CORS {
	before := p.report.Found
	out := &ir.CORS{
		Origins:     p.origins(spec.AllowOrigin, at.dot("allowOrigin")),
		Methods:     p.corsNames(spec.AllowMethods, at.dot("allowMethods")),
		Headers:     p.corsNames(spec.AllowHeaders, at.dot("allowHeaders")),
		Expose:      p.corsNames(spec.ExposeHeaders, at.dot("exposeHeaders")),
		MaxAge:      p.maxAge(spec.MaxAge, at.dot("maxAge")),
		Credentials: spec.AllowCredentials, PrivateNetwork: spec.AllowPrivateNetwork,
	}
	if len(out.Methods) == 0 {
		p.corsErrorf(at.dot("allowMethods"), "The CORS policy allows no method; at least one is required.")
	}
	if p.report.Found > before {
		return nil
	}
	return out
}

func (p *proxy) corsErrorf(at path, format string, args ...any) {
	p.errorf(subCondition{report.TypeCORS, report.PolicyDidNotParse}, at, format, args...)
}

// bounded reports whether the length of a list of the policy is within maxCORSValues.
func (p *proxy) bounded(n int, at path) bool {
	if n > maxCORSValues {
		p.corsErrorf(at, "The list has %d values; at most %d are allowed.", n, maxCORSValues)
	}
	return n <= maxCORSValues
}

// origins converts the allowed origins: "*", exact origins and regular expressions.
func (p *proxy) origins(values []string, at path) []ir.StringMatch {
	if len(values) == 0 {
		p.corsErrorf(at, "The CORS policy allows no origin; at least one is required.")
	}
	if !p.bounded(len(values), at) {
		return nil
	}
	out := make([]ir.StringMatch, 0, len(values))
	for i, v := range values {
		m := ir.StringMatch{Kind: ir.StringExact, Value: v, IgnoreCase: v != "*"}
		if v != "*" && !isOrigin(v) {
			m = ir.StringMatch{Kind: ir.StringRegex, Value: v}
			switch problem := p.regex(v); {
			case v == "" || !validate.IsText(v):
				p.corsErrorf(at.at(i), "The origin %s is empty or has control characters.", quoted(v))
			case problem != "":
				p.corsErrorf(at.at(i), "The origin %s is not a URL of scheme and host, and as a regular expression it %s.", quoted(v), problem)
			case !p.affordsExpressions(p.expressions.verdicts[v].Cost):
				p.corsErrorf(at.at(i), "The regular expressions of the host, with this one, exceed the cost of %d that a host may have.", p.budgets.HostExpressions)
			}
		}
		out = append(out, m)
	}
	return out
}

// isOrigin reports whether s is scheme://host or scheme://host:port, and nothing else.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == s && validate.Authority(u.Host) == ""
}

// corsNames converts names of methods or headers.
func (p *proxy) corsNames(values []contourv1.CORSHeaderValue, at path) []string {
	if !p.bounded(len(values), at) {
		return nil
	}
	var out []string
	for i, v := range values {
		if validate.HeaderName(string(v)) != "" {
			p.corsErrorf(at.at(i), "%s is not the name of a method or header.", quoted(string(v)))
		}
		out = append(out, string(v))
	}
	return out
}

// maxAge converts the time for which a browser may cache a preflight: 0 disables the cache, "" leaves the default of the browser.
func (p *proxy) maxAge(s string, at path) ir.Timeout {
	limit, problem := validate.Timeout(s)
	switch {
	case problem != "" || strings.HasPrefix(s, "inf"):
		p.corsErrorf(at, "The maxAge %s is not a duration such as 10m or 0.", quoted(s))
	case s != "" && limit.Duration == 0:
		return ir.Timeout{Disabled: true}
	}
	return limit
}
