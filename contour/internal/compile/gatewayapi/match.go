package gatewayapi

import (
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// httpMatch converts a match. One that cannot be used fails the rule; it is narrowed to what can be read of it.
func (b *routeBuilder) httpMatch(m *gatewayv1.HTTPRouteMatch, field string) ir.Match {
	out := ir.Match{Path: b.pathMatch(m.Path, field+".path")}
	for i := range m.Headers {
		h := &m.Headers[i]
		b.headerMatch(&out, string(h.Name), h.Value, h.Type != nil && *h.Type == gatewayv1.HeaderMatchRegularExpression, at(field+".headers", i))
	}
	for i := range m.QueryParams {
		b.queryMatch(&out, &m.QueryParams[i], at(field+".queryParams", i))
	}
	if m.Method != nil {
		out.Headers = append(out.Headers, ir.HeaderMatch{Name: ":method", Kind: ir.StringExact, Value: string(*m.Method)})
	}
	return out
}

func (b *routeBuilder) pathMatch(p *gatewayv1.HTTPPathMatch, field string) ir.PathMatch {
	kind, value := gatewayv1.PathMatchPathPrefix, "/"
	if p != nil && p.Type != nil {
		kind = *p.Type
	}
	if p != nil && p.Value != nil {
		value = *p.Value
	}
	m := ir.PathMatch{Kind: ir.PathSegment, Value: value}
	switch kind {
	case gatewayv1.PathMatchExact:
		m.Kind = ir.PathExact
	case gatewayv1.PathMatchRegularExpression:
		m.Kind = ir.PathRegex
	case gatewayv1.PathMatchPathPrefix:
	default:
		b.fail(report.UnsupportedValue, field, "Path type %s is not Exact, PathPrefix or RegularExpression.", report.Quote(string(kind)))
	}
	problem := validate.PathMatch(m, b.regex)
	if problem == "" {
		problem = validate.PathLength(value)
	}
	if problem == "" && m.Kind != ir.PathRegex && strings.ContainsAny(value, "?#") {
		problem = "contains ? or #, which are not part of a path"
	}
	if problem != "" {
		b.fail(report.UnsupportedValue, field, "Path %s %s.", report.Quote(value), problem)
		if readable := validate.ReadablePath(m); readable.Value != "/" {
			return readable
		}
		return anyPath()
	}
	if m.Kind == ir.PathSegment {
		if m.Value = strings.TrimRight(value, "/"); m.Value == "" {
			return anyPath()
		}
	}
	return m
}

// anyPath matches all paths. Its kind is that of all prefixes of segments: what replaces the prefix takes the place of the slash
// or precedes it, so that /foo for / makes /foo/bar of /bar.
func anyPath() ir.PathMatch { return ir.PathMatch{Kind: ir.PathSegment, Value: "/"} }

// headerMatch adds the match of a header. Of several for one name the first one counts.
func (b *routeBuilder) headerMatch(m *ir.Match, name, value string, regex bool, field string) {
	h := ir.HeaderMatch{Name: strings.ToLower(name), Kind: ir.StringExact, Value: value}
	if regex {
		h.Kind = ir.StringRegex
	}
	if problem := validate.HeaderMatchName(name); problem != "" {
		b.fail(report.UnsupportedValue, field, "The name %s %s.", report.Quote(name), problem)
		return
	}
	if slices.ContainsFunc(m.Headers, func(o ir.HeaderMatch) bool { return o.Name == h.Name }) {
		return
	}
	if problem := validate.MatchValue(h.Kind, value, b.regex); problem != "" {
		b.fail(report.UnsupportedValue, field, "The value %s %s.", report.Quote(value), problem)
		h.Kind, h.Value = ir.StringPresent, ""
	}
	m.Headers = append(m.Headers, h)
}

// queryMatch adds the match of a query parameter. Of several for one name the first one counts.
func (b *routeBuilder) queryMatch(m *ir.Match, q *gatewayv1.HTTPQueryParamMatch, field string) {
	out := ir.QueryMatch{Name: string(q.Name), Kind: ir.StringExact, Value: q.Value}
	if q.Type != nil && *q.Type == gatewayv1.QueryParamMatchRegularExpression {
		out.Kind = ir.StringRegex
	}
	if problem := validate.QueryName(out.Name); problem != "" {
		b.fail(report.UnsupportedValue, field, "The name %s %s.", report.Quote(out.Name), problem)
		return
	}
	if slices.ContainsFunc(m.Query, func(o ir.QueryMatch) bool { return o.Name == out.Name }) {
		return
	}
	if problem := validate.MatchValue(out.Kind, q.Value, b.regex); problem != "" {
		b.fail(report.UnsupportedValue, field, "The value %s %s.", report.Quote(q.Value), problem)
		out.Kind, out.Value = ir.StringPresent, ""
	}
	m.Query = append(m.Query, out)
}

// grpcMatch converts a match of gRPC requests, whose paths are /service/method.
func (b *routeBuilder) grpcMatch(m *gatewayv1.GRPCRouteMatch, field string) ir.Match {
	out := ir.Match{Path: b.methodMatch(m.Method, field+".method")}
	for i := range m.Headers {
		h := &m.Headers[i]
		b.headerMatch(&out, string(h.Name), h.Value, h.Type != nil && *h.Type == gatewayv1.GRPCHeaderMatchRegularExpression, at(field+".headers", i))
	}
	return out
}

func (b *routeBuilder) methodMatch(m *gatewayv1.GRPCMethodMatch, field string) ir.PathMatch {
	var service, method string
	if m != nil && m.Service != nil {
		service = *m.Service
	}
	if m != nil && m.Method != nil {
		method = *m.Method
	}
	var out ir.PathMatch
	switch regex := m != nil && m.Type != nil && *m.Type == gatewayv1.GRPCMethodMatchRegularExpression; {
	case service == "" && method == "":
		return anyPath()
	case regex:
		out = ir.PathMatch{Kind: ir.PathRegex, Value: "/" + group(service) + "/" + group(method)}
	case service == "":
		out = ir.PathMatch{Kind: ir.PathMethod, Value: method}
	case method == "":
		out = ir.PathMatch{Kind: ir.PathPrefix, Value: "/" + service + "/"}
	default:
		out = ir.PathMatch{Kind: ir.PathExact, Value: "/" + service + "/" + method}
	}
	problem := validate.MatchValue(ir.StringExact, out.Value, nil)
	switch {
	case out.Kind == ir.PathRegex:
		problem = validate.PathMatch(out, b.regex)
	case problem == "" && strings.ContainsAny(service+method, "/?#"):
		problem = "contains /, ? or #"
	}
	if problem != "" {
		b.fail(report.UnsupportedValue, field, "The method %s %s.", report.Quote(service+"/"+method), problem)
		return anyPath()
	}
	return out
}

// group returns the expression of a part of a path, of any part if it is empty.
func group(expr string) string {
	if expr == "" {
		return "[^/]+"
	}
	return "(?:" + expr + ")"
}
