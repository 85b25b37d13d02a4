package gatewayapi

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// Bounds of the lists of a route, as the API server has them: without one they are bounded all the same.
const (
	maxRules   = 64
	maxMatches = 128
	// maxRetryCodes is the number of status codes that the API allows, of which each can be listed once.
	maxRetryCodes = 200
)

// rule is what the rules of all kinds of routes have, in the form of HTTPRoutes.
type rule struct {
	index    int // in spec.rules
	field    string
	matches  []ir.Match
	filters  []gatewayv1.HTTPRouteFilter
	backends []gatewayv1.HTTPBackendRef
	timeouts *gatewayv1.HTTPRouteTimeouts
	retry    *gatewayv1.HTTPRouteRetry
	prefixes bool // all matches are of prefixes
	grpc     bool

	name        string // "" if it has none
	persistence *gatewayv1.SessionPersistence
}

// httpRules compiles the rules of an HTTPRoute.
func (b *routeBuilder) httpRules(rules []gatewayv1.HTTPRouteRule) {
	b.checkLength(len(rules))
	for i := range rules[:min(len(rules), maxRules)] {
		spec, field := &rules[i], at("spec.rules", i)
		b.rules++
		r := rule{index: i, field: field, filters: spec.Filters, backends: spec.BackendRefs, timeouts: spec.Timeouts, retry: spec.Retry, prefixes: true}
		r.name, r.persistence = nameOf(spec.Name), spec.SessionPersistence
		for j := range spec.Matches[:min(len(spec.Matches), maxMatches)] {
			m := &spec.Matches[j]
			r.matches = append(r.matches, b.httpMatch(m, at(field+".matches", j)))
			r.prefixes = r.prefixes && (m.Path == nil || m.Path.Type == nil || *m.Path.Type == gatewayv1.PathMatchPathPrefix)
		}
		b.compile(r)
	}
}

// grpcRules compiles the rules of a GRPCRoute.
func (b *routeBuilder) grpcRules(rules []gatewayv1.GRPCRouteRule) {
	b.checkLength(len(rules))
	if len(rules) == 0 {
		rules = []gatewayv1.GRPCRouteRule{{}}
	}
	for i := range rules[:min(len(rules), maxRules)] {
		spec, field := &rules[i], at("spec.rules", i)
		b.rules++
		r := rule{index: i, field: field, grpc: true, filters: httpFilters(spec.Filters)}
		r.name, r.persistence = nameOf(spec.Name), spec.SessionPersistence
		for j := range spec.Matches[:min(len(spec.Matches), maxMatches)] {
			r.matches = append(r.matches, b.grpcMatch(&spec.Matches[j], at(field+".matches", j)))
		}
		for j := range spec.BackendRefs {
			r.backends = append(r.backends, gatewayv1.HTTPBackendRef{
				BackendRef: spec.BackendRefs[j].BackendRef, Filters: httpFilters(spec.BackendRefs[j].Filters),
			})
		}
		b.compile(r)
	}
}

// httpFilters returns filters of GRPCRoutes as those of HTTPRoutes, which have the same types and more.
func httpFilters(filters []gatewayv1.GRPCRouteFilter) []gatewayv1.HTTPRouteFilter {
	var out []gatewayv1.HTTPRouteFilter
	for _, f := range filters {
		out = append(out, gatewayv1.HTTPRouteFilter{
			Type: gatewayv1.HTTPRouteFilterType(f.Type), RequestHeaderModifier: f.RequestHeaderModifier,
			ResponseHeaderModifier: f.ResponseHeaderModifier, RequestMirror: f.RequestMirror, ExtensionRef: f.ExtensionRef,
		})
	}
	return out
}

func (b *routeBuilder) checkLength(rules int) {
	if rules > maxRules {
		b.ignore("spec.rules", "The route has %d rules; those after the first %d have no effect.", rules, maxRules)
	}
}

func nameOf(n *gatewayv1.SectionName) string {
	if n == nil {
		return ""
	}
	return string(*n)
}

// compile adds the routes of a rule, one for each match. They share the action, except its sessions.
func (b *routeBuilder) compile(r rule) {
	if len(r.matches) == 0 {
		r.matches = []ir.Match{{Path: anyPath()}}
	}
	sessions := b.sessions(&r)
	action := b.action(&r)
	if b.failing() {
		action = ir.Route{Direct: &ir.Direct{Code: 500}}
	}
	policies := action.Policies
	for i, m := range r.matches {
		action.Source = ir.SourceAt(r.index, i)
		if sessions != nil && action.Forward != nil {
			own := ir.Policies{}
			if policies != nil {
				own = *policies
			}
			own.Session, action.Policies = sessions[i], &own
		}
		b.addRoute(m, action)
	}
}

// action returns what a rule does with its requests.
func (b *routeBuilder) action(r *rule) ir.Route {
	f := b.filters(r.filters, r.field, r.prefixes)
	out := ir.Route{RequestHeaders: f.request, ResponseHeaders: f.response}
	if f.cors != nil {
		out.Policies = &ir.Policies{CORS: f.cors}
	}
	if f.redirect != nil {
		if len(r.backends) > 0 {
			b.ignore(r.field+".backendRefs", "A rule that redirects forwards no requests; the backendRefs have no effect.")
		}
		if r.persistence != nil {
			b.ignore(r.field+".sessionPersistence", "A rule that redirects forwards no requests; the field has no effect.")
		}
		out.Redirect, out.RequestHeaders, out.Policies = f.redirect, ir.HeaderEdits{}, nil
		return out
	}
	unresolved := 500
	if r.grpc {
		unresolved = 503
	}
	forward, ok := b.backends(r, uint16(unresolved))
	if !ok {
		out.Direct, out.Policies = &ir.Direct{Code: uint32(unresolved)}, nil
		if len(r.backends) == 0 {
			out.Direct.Code = 500
		}
		return out
	}
	forward.Host, forward.Rewrite = f.host, f.rewrite
	if len(f.mirrors) > 0 {
		if forward.Special == nil {
			forward.Special = &ir.Special{}
		}
		forward.Special.Mirrors = f.mirrors
	}
	b.timeouts(&forward, r.timeouts, r.field+".timeouts")
	b.retry(&forward, r.retry, r.field+".retry")
	out.Forward = &forward
	return out
}

// timeouts sets the timeouts of a rule. Without any, requests may take as long as they like.
func (b *routeBuilder) timeouts(f *ir.Forward, t *gatewayv1.HTTPRouteTimeouts, field string) {
	f.Timeout = ir.Timeout{Disabled: true}
	if t == nil {
		return
	}
	if d := b.duration(t.Request, field+".request"); d > 0 {
		f.Timeout = ir.Timeout{Duration: d}
	}
	if d := b.duration(t.BackendRequest, field+".backendRequest"); d > 0 {
		f.Retry = &ir.Retry{PerTry: ir.Timeout{Duration: d}}
	}
}

// retry sets the retries of a rule, besides the timeout of each try.
func (b *routeBuilder) retry(f *ir.Forward, spec *gatewayv1.HTTPRouteRetry, field string) {
	if spec == nil {
		return
	}
	if f.Retry == nil {
		f.Retry = &ir.Retry{}
	}
	f.Retry.On = []string{"connect-failure", "refused-stream", "reset", "retriable-status-codes"}
	f.Retry.Count = 1
	if n := spec.Attempts; n != nil {
		if *n < 1 || int64(*n) > math.MaxUint32 {
			b.fail(report.UnsupportedValue, field+".attempts", "The number of attempts %d is not between 1 and %d.", *n, uint32(math.MaxUint32))
		} else {
			f.Retry.Count = uint32(*n)
		}
	}
	f.Retry.BackOff = b.duration(spec.Backoff, field+".backoff")
	if n := len(spec.Codes); n > maxRetryCodes {
		b.fail(report.UnsupportedValue, field+".codes", "There are %d status codes; at most %d are possible.", n, maxRetryCodes)
		return
	}
	for i, code := range spec.Codes {
		if problem := validate.RetryCode(uint32(code)); problem != "" {
			b.fail(report.UnsupportedValue, at(field+".codes", i), "The status code %d %s.", code, problem)
			continue
		}
		f.Retry.StatusCode = append(f.Retry.StatusCode, uint32(code))
	}
}

// duration returns a duration, 0 if there is none.
func (b *routeBuilder) duration(d *gatewayv1.Duration, field string) time.Duration {
	if d == nil || *d == "" {
		return 0
	}
	t, problem := validate.Timeout(string(*d))
	if problem != "" || strings.HasPrefix(string(*d), "inf") {
		b.fail(report.UnsupportedValue, field, "The timeout %s is not a duration such as 10s.", report.Quote(string(*d)))
	}
	return t.Duration
}

// backends returns a Forward to the backends of a rule; false if none of them can receive requests.
func (b *routeBuilder) backends(r *rule, unresolved uint16) (ir.Forward, bool) {
	var f ir.Forward
	weights := make([]int64, len(r.backends))
	for i := range r.backends {
		weights[i] = 1
		if w := r.backends[i].Weight; w != nil {
			weights[i] = int64(*w)
		}
	}
	shares, i, problem := validate.Weights(weights)
	if problem != "" {
		b.fail(report.UnsupportedValue, fmt.Sprintf("%s.backendRefs", r.field), "The weight of backendRefs[%d], or their sum, %s.", max(i, 0), problem)
		return f, false
	}
	for i := range r.backends {
		spec, field := &r.backends[i], at(r.field+".backendRefs", i)
		edits := b.filters(spec.Filters, field, false)
		if !edits.onlyHeaders() {
			b.fail(report.UnsupportedValue, field+".filters", "A backendRef supports only filters that modify headers.")
		}
		backend := ir.Backend{Weight: shares[i], RequestHeaders: edits.request, ResponseHeaders: edits.response}
		c, port, ok := b.backend(&spec.BackendObjectReference, field, r.grpc)
		if backend.Cluster = c; !ok {
			backend.Unresolved, f.Unresolved = true, unresolved
		}
		if port.Warning != "" {
			b.ignore(field, "%s", port.Warning)
		}
		b.checkAffinity(r, port.Service, port.Affine, field)
		f.Websocket = f.Websocket || port.WebSocket
		f.Backends = append(f.Backends, backend)
	}
	if r.persistence != nil {
		b.combine(&f, r)
	}
	return f, slices.ContainsFunc(f.Backends, func(b ir.Backend) bool { return b.Weight > 0 && !b.Unresolved })
}
