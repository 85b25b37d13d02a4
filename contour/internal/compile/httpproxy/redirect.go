package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// redirect converts the redirect of the route, for requests that match m.
func (b *builder) redirect(r *contourv1.HTTPRequestRedirectPolicy, m ir.PathMatch) *ir.Redirect {
	f, at := subCondition{report.TypeRoute, report.RequestRedirectPolicy}, b.at.dot("requestRedirectPolicy")
	out := &ir.Redirect{Code: 302}
	if r.StatusCode != nil {
		out.Code = uint32(*r.StatusCode)
	}
	if problem := validate.RedirectCode(out.Code); problem != "" {
		b.reject(f, at.dot("statusCode"), "The status code %d %s.", out.Code, problem)
	}
	if out.Scheme = value(r.Scheme); r.Scheme != nil && out.Scheme != "http" && out.Scheme != "https" {
		b.reject(f, at.dot("scheme"), "The scheme %s is not one of http and https.", quoted(out.Scheme))
	}
	if r.Hostname != nil {
		name, problem := validate.PreciseHostname(*r.Hostname)
		if problem != "" {
			b.reject(f, at.dot("hostname"), "%s %s.", quoted(*r.Hostname), problem)
		}
		out.Hostname = name
	}
	if r.Port != nil {
		if problem := validate.Port(*r.Port); problem != "" {
			b.reject(f, at.dot("port"), "The port %d %s.", *r.Port, problem)
		}
		out.Port = uint32(*r.Port)
	}
	b.redirectPath(r, m, out)
	return out
}

// redirectPath sets the path of the redirect: a new path, or a new prefix.
func (b *builder) redirectPath(r *contourv1.HTTPRequestRedirectPolicy, m ir.PathMatch, out *ir.Redirect) {
	f, at := subCondition{report.TypeRoute, report.RequestRedirectPolicy}, b.at.dot("requestRedirectPolicy")
	if r.Path != nil && r.Prefix != nil {
		b.reject(f, at, "The redirect has both path %s and prefix %s; at most one is allowed.", quoted(*r.Path), quoted(*r.Prefix))
		return
	}
	if r.Path != nil {
		if problem := pathText(*r.Path); problem != "" {
			b.reject(f, at.dot("path"), "The path %s %s.", quoted(*r.Path), problem)
		}
		out.Path = *r.Path
	}
	if r.Prefix != nil {
		if problem := pathText(*r.Prefix); problem != "" {
			b.reject(f, at.dot("prefix"), "The prefix %s %s.", quoted(*r.Prefix), problem)
		}
		out.Prefix = *r.Prefix
		if m.Kind == ir.PathPrefix {
			out.Prefix = replacement(m.Value, *r.Prefix)
		}
	}
}

// value returns the string that s points to, "" if s is nil.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
