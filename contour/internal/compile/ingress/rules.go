package ingress

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// anyHost stands for the hosts that are in no Ingress or HTTPProxy.
const anyHost = "*"

// readRules converts the default backend and the rules. The default backend comes first, because of equal
// matches the last one is served. It serves the hosts that are in no object; on a host that
// has rules, a path that none of them matches is answered with 404.
func (b *builder) readRules() {
	spec := &b.ingress.Spec
	if spec.DefaultBackend != nil {
		b.addCatchAll(b.hasRule(anyHost))
	}
	seen := map[string]bool{}
	if spec.DefaultBackend != nil {
		seen["/"] = true
	}
	for i := range spec.Rules {
		b.readRule(i, &spec.Rules[i], seen)
	}
	b.checkWebsocketRoutes(seen)
}

// hasRule returns the host and records that it has a rule.
func (b *builder) hasRule(name string) *host {
	h := b.host(name)
	h.hasRule = true
	return h
}

// readRule adds the routes of a rule and records its paths in seen. A rule without paths forwards all requests of
// its host to the default backend. A host with a rule is claimed even if no path can be served.
func (b *builder) readRule(at int, rule *networkingv1.IngressRule, seen map[string]bool) {
	field := fmt.Sprintf("spec.rules[%d]", at)
	name, ok := b.hostname(field+".host", rule.Host)
	if !ok {
		return
	}
	h := b.hasRule(name)
	switch {
	case rule.HTTP != nil && len(rule.HTTP.Paths) > 0:
		for i := range rule.HTTP.Paths {
			p := &rule.HTTP.Paths[i]
			seen[pathOf(p)] = true
			b.readPath(fmt.Sprintf("%s.http.paths[%d]", field, i), ir.SourceAt(at, i), h, p)
		}
	case b.ingress.Spec.DefaultBackend != nil:
		b.addCatchAll(h)
	default:
		b.warn(report.IgnoredField, field, "The rule has no effect: it has no paths, and the Ingress has no defaultBackend.")
	}
}

// readPath adds the route of a path. One that cannot be served answers 500 for what can be read of it, so that its requests do
// not reach a broader path; if nothing can, it has none.
func (b *builder) readPath(field string, source ir.Source, h *host, p *networkingv1.HTTPIngressPath) {
	m, ok := b.match(field, p)
	if ok && !b.affords(h, field, m) {
		ok = false
		if m.Kind == ir.PathRegex {
			m = validate.ReadablePath(m)
		}
	}
	switch {
	case ok:
		r := b.route(field+".backend", pathOf(p), &p.Backend)
		r.Match.Path, r.Source = m, source
		h.routes = append(h.routes, r)
	case m.Value != "/":
		h.refused = append(h.refused, ir.Route{Match: ir.Match{Path: m}, Origin: b.key, Source: source, Direct: &ir.Direct{Code: 500}})
	}
}

// addCatchAll adds a route that forwards all requests that no other route of the host matches to the default backend.
func (b *builder) addCatchAll(h *host) {
	r := b.route("spec.defaultBackend", "/", b.ingress.Spec.DefaultBackend)
	r.Match.Path = ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}
	h.routes = append(h.routes, r)
}

// hostname returns the valid form of a host: lower case, a DNS name with at most a leading "*." ("*" if empty).
func (b *builder) hostname(field, name string) (string, bool) {
	if name == "" || name == anyHost {
		return anyHost, true
	}
	lower, problem := validate.Hostname(name)
	if problem != "" || validate.IsAddress(name) {
		b.fail(report.HostNotValid, field, "Host %s is not a DNS name, with at most a leading \"*.\".", quote(strings.ToLower(name)))
		return "", false
	}
	return lower, true
}
