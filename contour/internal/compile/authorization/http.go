package authorization

import (
	"fmt"
	"reflect"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// Limits of the settings of a service that speaks HTTP.
const maxHeaders, maxPrefix = 100, 1024

// http converts the settings of a service that speaks HTTP; spec may be nil.
func (c *converter) http(spec *contourv1.HTTPAuthorizationServerSettings) *ir.HTTPAuthorization {
	if spec == nil {
		return &ir.HTTPAuthorization{}
	}
	if p := spec.PathPrefix; p != "" && (p[0] != '/' || len(p) > maxPrefix || !validate.IsText(p) || strings.ContainsAny(p, "?# ")) {
		c.errorf(report.AuthorizationNotValid, "httpSettings.pathPrefix", "%s is not a path of at most %d bytes that begins with / and has no query.", report.Quote(p), maxPrefix)
	}
	return &ir.HTTPAuthorization{
		PathPrefix:      spec.PathPrefix,
		RequestHeaders:  c.headers("httpSettings.allowedAuthorizationHeaders", spec.AllowedAuthorizationHeaders),
		UpstreamHeaders: c.headers("httpSettings.allowedUpstreamHeaders", spec.AllowedUpstreamHeaders),
	}
}

// headers converts a list of names of headers. Names of headers have no case, so they are compared in lower case, in which
// Envoy has them.
func (c *converter) headers(field string, list []contourv1.HTTPAuthorizationServerAllowedHeaders) []ir.StringMatch {
	if len(list) > maxHeaders {
		c.errorf(report.AuthBadAllowedHeader, field, "There are %d headers; at most %d are allowed.", len(list), maxHeaders)
		return nil
	}
	var out []ir.StringMatch
	for i, h := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		var matches []ir.StringMatch
		for _, m := range []ir.StringMatch{
			{Kind: ir.StringExact, Value: h.Exact},
			{Kind: ir.StringPrefix, Value: h.Prefix},
			{Kind: ir.StringSuffix, Value: h.Suffix},
			{Kind: ir.StringContains, Value: h.Contains},
		} {
			if m.Value != "" {
				m.Value = strings.ToLower(m.Value)
				matches = append(matches, m)
			}
		}
		if len(matches) != 1 {
			c.errorf(report.AuthBadAllowedHeader, at, "The header has %d of exact, prefix, suffix and contains; exactly one is required.", len(matches))
			continue
		}
		if problem := headerName(matches[0]); problem != "" {
			c.errorf(report.AuthBadAllowedHeader, at, "%s %s.", report.Quote(matches[0].Value), problem)
		}
		out = append(out, matches[0])
	}
	return out
}

// headerName checks a name of a header, or a part of one. A whole name must not be that of a header of the connection.
func headerName(m ir.StringMatch) validate.Problem {
	if m.Kind == ir.StringExact {
		return validate.EditableHeader(m.Value)
	}
	return validate.HeaderName(m.Value)
}

func (g Global) equal(o Global) bool { return reflect.DeepEqual(g, o) }
