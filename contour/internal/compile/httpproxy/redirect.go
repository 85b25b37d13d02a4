package httpproxy

import (
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// redirect is the redirection that the route answers with, for requests that match m.
func (b *builder) redirect(r *contourv1.HTTPRequestRedirectPolicy, m ir.PathMatch) *ir.Redirect {
	f, at := fault{report.TypeRoute, report.RequestRedirectPolicy}, b.at.dot("requestRedirectPolicy")
	out := &ir.Redirect{Code: 302}
	if r.StatusCode != nil {
		out.Code = uint32(*r.StatusCode)
	}
	if !isRedirectCode(out.Code) {
		b.reject(f, at.dot("statusCode"), "The status code %d is not one of 301, 302, 303, 307 and 308.", out.Code)
	}
	if out.Scheme = value(r.Scheme); r.Scheme != nil && out.Scheme != "http" && out.Scheme != "https" {
		b.reject(f, at.dot("scheme"), "The scheme %s is not one of http and https.", quoted(out.Scheme))
	}
	if out.Hostname = strings.ToLower(value(r.Hostname)); r.Hostname != nil && !isDNSName(out.Hostname) {
		b.reject(f, at.dot("hostname"), "%s is not a DNS name.", quoted(*r.Hostname))
	}
	if r.Port != nil {
		if *r.Port < 1 || *r.Port > 65535 {
			b.reject(f, at.dot("port"), "The port %d is not between 1 and 65535.", *r.Port)
		} else {
			out.Port = uint32(*r.Port)
		}
	}
	b.redirectPath(r, m, out)
	return out
}

// redirectPath fills in the path of the redirection: a new one, or a new prefix.
func (b *builder) redirectPath(r *contourv1.HTTPRequestRedirectPolicy, m ir.PathMatch, out *ir.Redirect) {
	f, at := fault{report.TypeRoute, report.RequestRedirectPolicy}, b.at.dot("requestRedirectPolicy")
	if r.Path != nil && r.Prefix != nil {
		b.reject(f, at, "The redirect has both path %s and prefix %s.", quoted(*r.Path), quoted(*r.Prefix))
		return
	}
	if r.Path != nil {
		if problem := pathTextProblem(*r.Path); problem != "" {
			b.reject(f, at.dot("path"), "The path %s %s.", quoted(*r.Path), problem)
		}
		out.Path = *r.Path
	}
	if r.Prefix != nil {
		if problem := pathTextProblem(*r.Prefix); problem != "" {
			b.reject(f, at.dot("prefix"), "The prefix %s %s.", quoted(*r.Prefix), problem)
		}
		out.Prefix = *r.Prefix
		if m.Kind == ir.PathPrefix {
			out.Prefix = replacement(m.Value, *r.Prefix)
		}
	}
}

func isRedirectCode(code uint32) bool {
	switch code {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// value is what s points to, "" if nothing.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
