package gatewayapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// route is the verdict on a route, and what it contributes.
type route struct {
	age           age
	parents       []routeParent // those of this controller
	unresolved    problem       // of its references
	partly        problem       // of rules that cannot be served, beside others
	contributions []contribution
	services      []kobj.Name // of its backends, sorted
	report        report.Report
}

// contribution is one to a host of a listener.
type contribution struct {
	contrib.Contribution
	listener listenerName
}

// keepLastRoute returns the last verdict on a route of which the derivation panics.
func keepLastRoute(k kobj.Key, last route, _ bool, reason string) route {
	last.report = faulty(k, last.report, faultMessage(reason))
	return last
}

// routeParent is the verdict on one parentRef.
type routeParent struct {
	index     int // in spec.parentRefs
	ref       gatewayv1.ParentReference
	of        kobj.Key // a Gateway or a ListenerSet
	gateway   kobj.Name
	problem   problem         // why the route is not accepted
	listeners []routeListener // that accept it
}

// routeListener is a listener that accepts a route.
type routeListener struct {
	name      string
	hostnames []string // that the route has there, "" is any
	opaque    bool     // no policies of backends apply: connections are passed through with their TLS
}

// acceptedBy returns the listeners that accept a route.
func acceptedBy(_ kobj.Key, of route) []listenerName {
	var out []listenerName
	for i := range of.parents {
		for _, l := range of.parents[i].listeners {
			out = append(out, listenerName{of.parents[i].of, l.name})
		}
	}
	return out
}

// routeSpec is what routes of all kinds have.
type routeSpec struct {
	meta      *metav1.ObjectMeta
	hostnames []gatewayv1.Hostname
	parents   []gatewayv1.ParentReference
	// rules compiles the rules.
	rules        func(*routeBuilder)
	maxHostnames int
}

// routeSpec returns the specification of a route; false if it does not exist.
func (x *Compiler) routeSpec(r *memo.Reader, k kobj.Key) (routeSpec, bool) {
	switch k.Kind {
	case kobj.HTTPRoute:
		if o, ok := x.env.Store.HTTPRoutes.Get(r, k.Name); ok {
			return routeSpec{&o.ObjectMeta, o.Spec.Hostnames, o.Spec.ParentRefs, func(b *routeBuilder) { b.httpRules(o.Spec.Rules) }, maxHostnames}, true
		}
	case kobj.GRPCRoute:
		if o, ok := x.env.Store.GRPCRoutes.Get(r, k.Name); ok {
			return routeSpec{&o.ObjectMeta, o.Spec.Hostnames, o.Spec.ParentRefs, func(b *routeBuilder) { b.grpcRules(o.Spec.Rules) }, maxHostnames}, true
		}
	default:
		return x.streamSpec(r, k)
	}
	return routeSpec{}, false
}

// deriveRoute compiles a route that has a parentRef to a Gateway of this controller, or to one of its ListenerSets.
func (x *Compiler) deriveRoute(r *memo.Reader, k kobj.Key) route {
	spec, ok := x.routeSpec(r, k)
	at := x.attachments.Get(r, k)
	if !ok || len(at.parents) == 0 {
		if ok && at.fault != "" {
			return route{report: faulty(k, report.Report{}, at.fault)}
		}
		return route{}
	}
	b := &routeBuilder{reader: r, env: x.env, policyOf: x.policyOf, key: k, budgets: x.env.Store.Settings.Budgets.Get(r), sides: map[side][]ir.Route{}, services: map[kobj.Name]bool{}}
	b.report.Visit(k)
	b.checkHostnames(spec.hostnames, spec.maxHostnames)
	spec.rules(b)
	out := route{age: at.age, unresolved: b.unresolved, services: slices.SortedFunc(maps.Keys(b.services), kobj.Name.Compare)}
	hosts := map[ir.HostKey]bool{}
	for i := range at.parents {
		p := &at.parents[i]
		verdict := routeParent{index: p.index, ref: p.ref, of: p.of, gateway: p.gateway, problem: p.problem}
		b.reportBroken(p)
		for j := range p.listeners {
			l := &p.listeners[j]
			verdict.listeners = append(verdict.listeners, routeListener{l.name, l.all, l.opaque})
			out.contributions = append(out.contributions, b.contributions(at.age, p, l, hosts)...)
		}
		out.parents = append(out.parents, verdict)
	}
	b.judgeRules(&out)
	if b.tcp == nil {
		b.reportGlobalAuthorization()
	}
	if out.report = b.report.Finish(report.TypeAccepted); at.fault != "" {
		out.report = faulty(k, out.report, at.fault)
	}
	return out
}

// deriveVerdict returns the verdict on a route without the listeners where an older route of the other kind is.
func (x *Compiler) deriveVerdict(r *memo.Reader, k kobj.Key) route {
	of := x.routes.Get(r, k)
	lost, _ := x.lost.Get(r, k)
	if len(lost) == 0 {
		return of
	}
	isLost := func(n listenerName) bool {
		_, found := slices.BinarySearchFunc(lost, n, listenerName.compare)
		return found
	}
	of.contributions = slices.DeleteFunc(slices.Clone(of.contributions), func(c contribution) bool { return isLost(c.listener) })
	of.parents = slices.Clone(of.parents)
	var rep report.Report
	rep.Merge(of.report)
	for i := range of.parents {
		p := &of.parents[i]
		if len(p.listeners) == 0 {
			continue
		}
		p.listeners = slices.DeleteFunc(slices.Clone(p.listeners), func(l routeListener) bool { return isLost(listenerName{p.of, l.name}) })
		if len(p.listeners) > 0 {
			continue
		}
		p.problem = lostToRival(k.Kind)
		rep.Add(report.Diagnostic{
			Object: k, Type: report.TypeAccepted, Reason: p.problem.Reason, Message: p.problem.Message, Field: fmt.Sprintf("spec.parentRefs[%d]", p.index),
		})
	}
	rep.Seal()
	of.report = rep
	return of
}

// lostToRival is why a route of that kind is attached to no listener of a Gateway. It does not name the other one, which may be in
// another namespace.
func lostToRival(k kobj.Kind) problem {
	other := kobj.HTTPRoute
	if k == kobj.HTTPRoute {
		other = kobj.GRPCRoute
	}
	return problem{report.NotAllowedByListeners, fmt.Sprintf("An older %s with a hostname in common is attached to the listener; routes of the two kinds do not share one.", other)}
}

// routeBuilder compiles one route.
type routeBuilder struct {
	reader  *memo.Reader
	env     Env
	key     kobj.Key
	budgets config.Budgets
	// policyOf returns the BackendTLSPolicy of a port; nil if it has none.
	policyOf func(*memo.Reader, *ref.ServicePort) *backendPolicy

	effort      validate.Effort
	expressions int                // cost of the regular expressions
	services    map[kobj.Name]bool // of backends
	rules       int
	failed      []int   // rules that cannot be served
	why         problem // the first of them
	unresolved  problem
	routes      []ir.Route    // for listeners for HTTP on port 80
	others      []ruleSession // sessions of former rules
	sides       map[side][]ir.Route
	tcp         *ir.TCPProxy // of a route of connections or flows, without policies of backends; nil for one of requests
	encrypted   *ir.TCPProxy // the same with them; nil if no backend has a policy
	report      report.Collector
}

// side is the part of a listener on which the routes depend, if they redirect or set cookies, or if their backends have TLS.
type side struct {
	port   gatewayv1.PortNumber
	secure bool
	shown  shownCertificate
}

func (b *routeBuilder) add(s report.Severity, t report.Type, p problem, field string) {
	if b.report.Wants(b.key, s) {
		b.report.Collect(report.Diagnostic{Object: b.key, Severity: s, Type: t, Reason: p.Reason, Field: field, Message: p.Message})
	}
}

// fail records why a rule cannot be served: its requests are answered with 500.
func (b *routeBuilder) fail(reason report.Reason, field, format string, args ...any) {
	p := problem{reason, fmt.Sprintf(format, args...)}
	b.add(report.Error, report.TypeAccepted, p, field)
	if !b.why.is() {
		b.why = p
	}
	if n := b.rules - 1; len(b.failed) == 0 || b.failed[len(b.failed)-1] != n {
		b.failed = append(b.failed, n)
	}
}

// failing reports whether the present rule cannot be served.
func (b *routeBuilder) failing() bool { return slices.Contains(b.failed, b.rules-1) }

// unresolve records a reference that does not resolve.
func (b *routeBuilder) unresolve(p problem, field string) {
	b.add(report.Error, report.TypeResolvedRefs, p, field)
	if !b.unresolved.is() {
		b.unresolved = p
	}
}

func (b *routeBuilder) ignore(field, format string, args ...any) {
	b.add(report.Warning, report.TypeAccepted, problem{report.IgnoredField, fmt.Sprintf(format, args...)}, field)
}

// judgeRules reports rules that cannot be served on the parents.
func (b *routeBuilder) judgeRules(out *route) {
	switch {
	case len(b.failed) == 0:
	case len(b.failed) < b.rules:
		out.partly = problem{b.why.Reason, fmt.Sprintf("Dropped Rule: %d of %d rules cannot be served, and their requests are answered with 500. %s", len(b.failed), b.rules, b.why.Message)}
		b.add(report.Error, report.TypePartiallyInvalid, out.partly, "spec.rules")
	default:
		for i := range out.parents {
			if !out.parents[i].problem.is() {
				out.parents[i].problem, out.parents[i].listeners = b.why, nil
			}
		}
	}
	for _, p := range out.parents {
		if p.problem.is() && p.problem != b.why {
			b.add(report.Error, report.TypeAccepted, p.problem, fmt.Sprintf("spec.parentRefs[%d]", p.index))
		}
	}
}

func (b *routeBuilder) checkHostnames(hostnames []gatewayv1.Hostname, most int) {
	if n := len(hostnames); n > most {
		b.ignore("spec.hostnames", "The route has %d hostnames; those after the first %d have no effect.", n, most)
		hostnames = hostnames[:most]
	}
	for i, h := range hostnames {
		if name, p := validate.Hostname(string(h)); p != "" || validate.IsAddress(name) {
			b.add(report.Error, report.TypeAccepted, problem{report.UnsupportedValue, fmt.Sprintf("Hostname %s is not a DNS name, with at most a leading \"*.\".", report.Quote(string(h)))}, fmt.Sprintf("spec.hostnames[%d]", i))
		}
	}
}

// reportGlobalAuthorization reports why the authorization of the configuration, which applies to all hosts, cannot be asked.
func (b *routeBuilder) reportGlobalAuthorization() {
	for _, p := range b.env.Authorization.Global(b.reader).Problems {
		b.add(report.Error, report.TypeAccepted, problem{p.Reason, "The global authorization cannot be asked, so the routes are not served: " + p.Message}, "spec")
	}
}

// contributions returns those to the hosts of a listener that are not in done, and adds them.
func (b *routeBuilder) contributions(a age, p *attachedParent, l *attachedListener, done map[ir.HostKey]bool) []contribution {
	var out []contribution
	if b.tcp != nil {
		return b.streams(a, p, l, done)
	}
	for _, h := range l.hosts {
		k := ir.HostKey{Listener: listenerKey(p.place(), l.port), Hostname: h}
		if done[k] {
			continue
		}
		done[k] = true
		out = append(out, contribution{contrib.Contribution{
			Key: k, Object: b.key, Created: a.created, ByAge: true, Chain: l.chain,
			Routes: b.routesFor(side{l.port, l.secure, p.shown}), Expressions: b.expressions,
			Policies: b.env.Authorization.Global(b.reader).Policies,
		}, listenerName{p.of, l.name}})
	}
	return out
}

// routesFor returns the routes for listeners of a side. They are made once for each side, and only if they depend on it.
func (b *routeBuilder) routesFor(s side) []ir.Route {
	differs := func(r ir.Route) bool { return r.Redirect != nil || s.secure && hasCookie(r.Policies) }
	if s.shown == (shownCertificate{}) && !slices.ContainsFunc(b.routes, differs) {
		return b.routes
	}
	if made := b.sides[s]; made != nil {
		return made
	}
	made := s.shown.routes(b.routes)
	for i := range made {
		if made[i].Redirect != nil {
			made[i].Redirect = redirectFor(*made[i].Redirect, s)
		}
		if s.secure {
			made[i].Policies = secured(made[i].Policies)
		}
	}
	b.sides[s] = made
	return made
}

// redirectFor completes a redirect: without a scheme it keeps that of the listener; without a port it is to the standard port of a
// scheme that it sets, else to that of the listener. Standard ports are left out.
func redirectFor(d ir.Redirect, s side) *ir.Redirect {
	standard := map[string]uint32{"http": 80, "https": 443}
	scheme := "http"
	if s.secure {
		scheme = "https"
	}
	port := d.Port
	switch {
	case port != 0:
	case d.Scheme != "":
		port = standard[d.Scheme]
	default:
		port = uint32(s.port)
	}
	if d.Scheme != "" {
		scheme = d.Scheme
	}
	d.Scheme, d.Port = scheme, port
	if port == standard[scheme] {
		d.Port, d.StandardPort = 0, true
	}
	return &d
}

// addRoute adds a route of the present rule.
func (b *routeBuilder) addRoute(m ir.Match, action ir.Route) {
	action.Match, action.Origin, action.Subdomains = m, b.key, true
	b.routes = append(b.routes, action)
}

// regex checks a regular expression, and counts what it costs the hosts of the route.
func (b *routeBuilder) regex(expr string) validate.Problem {
	if p := b.effort.Unchecked(); p != "" {
		return p
	}
	verdict := b.env.Expressions.Get(b.reader, expr)
	b.effort.Add(expr, verdict, b.budgets.HostExpressions)
	if p := verdict.Within(b.budgets.ExpressionSize); p != "" {
		return p
	}
	if most := b.budgets.HostExpressions; most > 0 && b.expressions+verdict.Cost > most {
		return validate.Problem(fmt.Sprintf("costs, with those before it, more than the %d that a host may have", most))
	}
	b.expressions += verdict.Cost
	return ""
}

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

func lower[T ~string](s T) string { return strings.ToLower(string(s)) }
