package gatewayapi

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// filters is what the filters of a rule or of a backend do.
type filters struct {
	request, response ir.HeaderEdits
	redirect          *ir.Redirect
	host              *ir.HostRewrite
	rewrite           *ir.PathRewrite
	mirrors           []ir.Mirror
	cors              *ir.CORS
}

// onlyHeaders reports whether the filters do nothing but modify headers.
func (f *filters) onlyHeaders() bool {
	return f.redirect == nil && f.host == nil && f.rewrite == nil && f.mirrors == nil && f.cors == nil
}

// maxFilters bounds the filters of a rule, as the API server does.
const maxFilters = 16

// filters converts filters. A rule with one that cannot be used fails. prefixes: the matches of the rule are of prefixes.
func (b *routeBuilder) filters(specs []gatewayv1.HTTPRouteFilter, field string, prefixes bool) filters {
	var out filters
	if len(specs) > maxFilters {
		b.fail(report.UnsupportedValue, field+".filters", "There are %d filters; at most %d are possible.", len(specs), maxFilters)
		return out
	}
	for i := range specs {
		b.filter(&out, &specs[i], at(field+".filters", i), prefixes)
	}
	if out.redirect != nil && (out.host != nil || out.rewrite != nil) {
		b.fail(report.IncompatibleFilters, field+".filters", "A rule cannot both redirect requests and rewrite their URL.")
	}
	return out
}

// filter converts one filter.
func (b *routeBuilder) filter(out *filters, f *gatewayv1.HTTPRouteFilter, at string, prefixes bool) {
	switch {
	case f.Type == gatewayv1.HTTPRouteFilterRequestHeaderModifier && f.RequestHeaderModifier != nil:
		out.request = b.headerEdits(f.RequestHeaderModifier, at+".requestHeaderModifier")
	case f.Type == gatewayv1.HTTPRouteFilterResponseHeaderModifier && f.ResponseHeaderModifier != nil:
		out.response = b.headerEdits(f.ResponseHeaderModifier, at+".responseHeaderModifier")
	case f.Type == gatewayv1.HTTPRouteFilterRequestRedirect && f.RequestRedirect != nil:
		out.redirect = b.redirect(f.RequestRedirect, at+".requestRedirect", prefixes)
	case f.Type == gatewayv1.HTTPRouteFilterURLRewrite && f.URLRewrite != nil:
		b.urlRewrite(out, f.URLRewrite, at+".urlRewrite", prefixes)
	case f.Type == gatewayv1.HTTPRouteFilterRequestMirror && f.RequestMirror != nil:
		b.mirror(out, f.RequestMirror, at+".requestMirror")
	case f.Type == gatewayv1.HTTPRouteFilterCORS && f.CORS != nil:
		out.cors = b.cors(f.CORS, at+".cors")
	case f.Type == gatewayv1.HTTPRouteFilterExtensionRef:
		b.fail(report.InvalidKind, at, "Filters of other APIs are not supported; requests of the rule are answered with 500.")
		b.unresolve(problem{report.InvalidKind, "An extensionRef is to a kind that is not supported."}, at)
	default:
		b.fail(report.UnsupportedValue, at, "The filter %s is not supported; requests of the rule are answered with 500.", report.Quote(string(f.Type)))
	}
}

// headerEdits converts changes to headers.
func (b *routeBuilder) headerEdits(f *gatewayv1.HTTPHeaderFilter, field string) ir.HeaderEdits {
	var out ir.HeaderEdits
	if n := max(len(f.Set)+len(f.Add), len(f.Remove)); n > validate.MaxHeaderEdits {
		b.fail(report.UnsupportedValue, field, "%d headers are changed; at most %d are possible.", n, validate.MaxHeaderEdits)
		return out
	}
	add := func(list []gatewayv1.HTTPHeader, field string, appended bool) {
		for i, h := range list {
			if format := validate.Escape(h.Value); b.editable(string(h.Name), at(field, i)) && b.headerValue(h.Value, format, at(field, i)) {
				out.Set = append(out.Set, ir.Header{Name: string(h.Name), Value: format, Append: appended})
			}
		}
	}
	add(f.Set, field+".set", false)
	add(f.Add, field+".add", true)
	for i, name := range f.Remove {
		if b.editable(name, at(field+".remove", i)) {
			out.Remove = append(out.Remove, name)
		}
	}
	return out
}

func (b *routeBuilder) editable(name, field string) bool {
	problem := validate.EditableHeader(name)
	if strings.EqualFold(name, "host") {
		problem = "is changed by the filter URLRewrite only"
	}
	if problem != "" {
		b.fail(report.UnsupportedValue, field, "The header %s %s.", report.Quote(name), problem)
	}
	return problem == ""
}

func (b *routeBuilder) headerValue(value, format, field string) bool {
	problem := validate.HeaderValue(value, format)
	if problem != "" {
		b.fail(report.UnsupportedValue, field, "The value %s %s.", report.Quote(value), problem)
	}
	return problem == ""
}

// redirect converts a redirect, without what depends on the listener.
func (b *routeBuilder) redirect(f *gatewayv1.HTTPRequestRedirectFilter, field string, prefixes bool) *ir.Redirect {
	out := &ir.Redirect{Code: 302}
	if f.Scheme != nil {
		if out.Scheme = lower(*f.Scheme); out.Scheme != "http" && out.Scheme != "https" {
			b.fail(report.UnsupportedValue, field+".scheme", "The scheme %s is not http or https.", report.Quote(*f.Scheme))
		}
	}
	if f.Hostname != nil {
		out.Hostname = b.preciseHostname(*f.Hostname, field+".hostname")
	}
	if f.Port != nil {
		if p := validate.Port(*f.Port); p != "" {
			b.fail(report.UnsupportedValue, field+".port", "Port %d %s.", *f.Port, p)
		}
		out.Port = uint32(*f.Port)
	}
	if f.StatusCode != nil {
		if p := validate.RedirectCode(uint32(*f.StatusCode)); p != "" {
			b.fail(report.UnsupportedValue, field+".statusCode", "The status code %d %s.", *f.StatusCode, p)
		}
		out.Code = uint32(*f.StatusCode)
	}
	if full, prefix, ok := b.pathModifier(f.Path, field+".path", prefixes); ok {
		out.Path, out.Prefix = full, prefix
	}
	return out
}

func (b *routeBuilder) preciseHostname(h gatewayv1.PreciseHostname, field string) string {
	name, problem := validate.PreciseHostname(string(h))
	if problem != "" {
		b.fail(report.UnsupportedValue, field, "Hostname %s %s.", report.Quote(string(h)), problem)
	}
	return name
}

// pathModifier returns the path that replaces the whole path, or the one that replaces the prefix; false if there is none.
func (b *routeBuilder) pathModifier(m *gatewayv1.HTTPPathModifier, field string, prefixes bool) (full, prefix string, ok bool) {
	var to string
	switch {
	case m == nil:
		return "", "", false
	case m.Type == gatewayv1.FullPathHTTPPathModifier && m.ReplaceFullPath != nil:
		to = rooted(*m.ReplaceFullPath)
		full = to
	case m.Type == gatewayv1.PrefixMatchHTTPPathModifier && m.ReplacePrefixMatch != nil && prefixes:
		to = rooted(*m.ReplacePrefixMatch)
		prefix = to
	case m.Type == gatewayv1.PrefixMatchHTTPPathModifier && m.ReplacePrefixMatch != nil:
		b.fail(report.UnsupportedValue, field, "ReplacePrefixMatch needs matches of type PathPrefix.")
		return "", "", false
	default:
		b.fail(report.UnsupportedValue, field, "The path modifier %s has no path.", report.Quote(string(m.Type)))
		return "", "", false
	}
	problem := validate.Path(to)
	if problem == "" {
		problem = validate.PathLength(to)
	}
	if problem != "" {
		b.fail(report.UnsupportedValue, field, "The path %s %s.", report.Quote(to), problem)
		return "", "", false
	}
	return full, prefix, true
}

// rooted returns a path with a leading slash.
func rooted(path string) string { return "/" + strings.TrimPrefix(path, "/") }

func (b *routeBuilder) urlRewrite(out *filters, f *gatewayv1.HTTPURLRewriteFilter, field string, prefixes bool) {
	if f.Hostname != nil {
		out.host = &ir.HostRewrite{Literal: b.preciseHostname(*f.Hostname, field+".hostname")}
	}
	if full, prefix, ok := b.pathModifier(f.Path, field+".path", prefixes); ok {
		out.rewrite = &ir.PathRewrite{Full: full, Prefix: prefix}
	}
}

// mirror adds a mirror. Without its backend there is none, and requests are forwarded all the same.
func (b *routeBuilder) mirror(out *filters, f *gatewayv1.HTTPRequestMirrorFilter, field string) {
	const all = 1_000_000
	share := int64(all)
	switch {
	case f.Percent != nil:
		share = int64(*f.Percent) * all / 100
	case f.Fraction != nil:
		of := int64(100)
		if f.Fraction.Denominator != nil {
			of = int64(*f.Fraction.Denominator)
		}
		if of < 1 {
			share = -1
		} else {
			share = int64(f.Fraction.Numerator) * all / of
		}
	}
	if share < 0 || share > all {
		b.fail(report.UnsupportedValue, field, "The share of requests to mirror is not between 0 and 100 percent.")
		return
	}
	c, _, ok := b.backend(&f.BackendRef, field+".backendRef", b.key.Kind == kobj.GRPCRoute)
	if ok && share > 0 {
		out.mirrors = append(out.mirrors, ir.Mirror{Cluster: c, PerMillion: uint32(share), KeepHost: true})
	}
}

// maxCORSValues bounds each list of a CORS filter, as the API server does.
const maxCORSValues = 64

// cors converts a CORS filter.
func (b *routeBuilder) cors(f *gatewayv1.HTTPCORSFilter, field string) *ir.CORS {
	out := &ir.CORS{MaxAge: ir.Timeout{Duration: 5 * time.Second}, Credentials: f.AllowCredentials != nil && *f.AllowCredentials}
	if f.MaxAge > 0 {
		out.MaxAge.Duration = time.Duration(f.MaxAge) * time.Second
	}
	if n := max(len(f.AllowOrigins), len(f.AllowMethods), len(f.AllowHeaders), len(f.ExposeHeaders)); n > maxCORSValues {
		b.fail(report.UnsupportedValue, field, "A list has %d values; at most %d are possible.", n, maxCORSValues)
		return out
	}
	for i, o := range f.AllowOrigins {
		out.Origins = append(out.Origins, b.origin(string(o), at(field+".allowOrigins", i)))
	}
	for i, m := range f.AllowMethods {
		out.Methods = append(out.Methods, b.corsName(string(m), at(field+".allowMethods", i)))
	}
	for i, h := range f.AllowHeaders {
		out.Headers = append(out.Headers, b.corsName(string(h), at(field+".allowHeaders", i)))
	}
	for i, h := range f.ExposeHeaders {
		out.Expose = append(out.Expose, b.corsName(string(h), at(field+".exposeHeaders", i)))
	}
	return out
}

func (b *routeBuilder) corsName(name, field string) string {
	if problem := validate.HeaderName(name); problem != "" {
		b.fail(report.UnsupportedValue, field, "%s is not the name of a method or header.", report.Quote(name))
	}
	return name
}

// origin converts an origin: "*", a scheme and a host, or these with a wildcard for any number of labels.
func (b *routeBuilder) origin(o, field string) ir.StringMatch {
	if o == "*" {
		return ir.StringMatch{Kind: ir.StringExact, Value: o}
	}
	scheme, host, found := strings.Cut(o, "://")
	name := strings.TrimPrefix(host, "*.")
	if u, err := url.Parse(scheme + "://" + name); !found || err != nil || u.Scheme+"://"+u.Host != strings.ToLower(scheme)+"://"+name || validate.Authority(name) != "" {
		b.fail(report.UnsupportedValue, field, "The origin %s is not a scheme and a host, such as https://*.example.com.", report.Quote(o))
		return ir.StringMatch{}
	}
	if name == host {
		return ir.StringMatch{Kind: ir.StringExact, Value: o, IgnoreCase: true}
	}
	expr := fmt.Sprintf(`%s://[-a-z0-9.]+\.%s`, regexp.QuoteMeta(strings.ToLower(scheme)), regexp.QuoteMeta(strings.ToLower(name)))
	if problem := b.regex(expr); problem != "" {
		b.fail(report.UnsupportedValue, field, "The origin %s, as a regular expression, %s.", report.Quote(o), problem)
	}
	return ir.StringMatch{Kind: ir.StringRegex, Value: expr}
}
