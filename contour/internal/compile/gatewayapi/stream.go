package gatewayapi

import (
	"fmt"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// TLSRoutes and TCPRoutes forward the bytes of connections to backends, and UDPRoutes the datagrams of flows. They have one rule, without
// matches and filters.

// maxBackends bounds the backendRefs of a rule, as the API server does.
const maxBackends = 16

// streamSpec returns the specification of a route of connections or flows; false if it does not exist.
func (x *Compiler) streamSpec(r *memo.Reader, k kobj.Key) (routeSpec, bool) {
	switch k.Kind {
	case kobj.TLSRoute:
		if o, ok := x.env.Store.TLSRoutes.Get(r, k.Name); ok {
			return routeSpec{&o.ObjectMeta, o.Spec.Hostnames, o.Spec.ParentRefs, func(b *routeBuilder) { b.streamRules(tlsBackends(o)) }, maxServerNames}, true
		}
	case kobj.TCPRoute:
		if o, ok := x.env.Store.TCPRoutes.Get(r, k.Name); ok {
			return routeSpec{&o.ObjectMeta, nil, o.Spec.ParentRefs, func(b *routeBuilder) { b.streamRules(tcpBackends(o)) }, 0}, true
		}
	case kobj.UDPRoute:
		if o, ok := x.env.Store.UDPRoutes.Get(r, k.Name); ok {
			return routeSpec{&o.ObjectMeta, nil, o.Spec.ParentRefs, func(b *routeBuilder) { b.streamRules(udpBackends(o)) }, 0}, true
		}
	default:
	}
	return routeSpec{}, false
}

// tlsBackends returns the backendRefs of each rule.
func tlsBackends(o *gatewayv1.TLSRoute) (rules [][]gatewayv1.BackendRef) {
	for i := range o.Spec.Rules {
		rules = append(rules, o.Spec.Rules[i].BackendRefs)
	}
	return rules
}

// tcpBackends returns the backendRefs of each rule.
func tcpBackends(o *gatewayv1.TCPRoute) (rules [][]gatewayv1.BackendRef) {
	for i := range o.Spec.Rules {
		rules = append(rules, o.Spec.Rules[i].BackendRefs)
	}
	return rules
}

// udpBackends returns the backendRefs of each rule.
func udpBackends(o *gatewayv1.UDPRoute) (rules [][]gatewayv1.BackendRef) {
	for i := range o.Spec.Rules {
		rules = append(rules, o.Spec.Rules[i].BackendRefs)
	}
	return rules
}

// streamRules compiles the rules, of which only the first one has an effect. Without a backend that can be used, connections are closed,
// and datagrams dropped.
func (b *routeBuilder) streamRules(rules [][]gatewayv1.BackendRef) {
	b.tcp, b.rules = &ir.TCPProxy{Datagrams: b.key.Kind == kobj.UDPRoute}, 1
	if n := len(rules); n > 1 {
		b.ignore("spec.rules", "The route has %d rules; those after the first one have no effect.", n)
	}
	if len(rules) == 0 {
		return
	}
	const field = "spec.rules[0].backendRefs"
	refs := rules[0]
	if n := len(refs); n > maxBackends {
		b.fail(report.UnsupportedValue, field, "The rule has %d backendRefs, more than %d.", n, maxBackends)
		return
	}
	weights := make([]int64, len(refs))
	for i := range refs {
		weights[i] = 1
		if w := refs[i].Weight; w != nil {
			weights[i] = int64(*w)
		}
	}
	shares, i, problem := validate.Weights(weights)
	if problem != "" {
		b.fail(report.UnsupportedValue, field, "The weight of backendRefs[%d], or their sum, %s.", max(i, 0), problem)
		return
	}
	var plain, encrypted []ir.Backend
	for i := range refs {
		as, with := b.streamBackend(&refs[i], at(field, i))
		if as.Weight, with.Weight = shares[i], shares[i]; shares[i] > 0 {
			plain, encrypted = append(plain, as), append(encrypted, with)
		}
	}
	if usable(plain) {
		b.tcp.Backends = plain
	}
	if !slices.EqualFunc(plain, encrypted, func(a, b ir.Backend) bool { return a.Cluster == b.Cluster && a.Unresolved == b.Unresolved }) {
		b.encrypted = &ir.TCPProxy{}
		if usable(encrypted) {
			b.encrypted.Backends = encrypted
		}
	}
}

// usable reports whether connections to one of the backends are possible.
func usable(backends []ir.Backend) bool {
	return slices.ContainsFunc(backends, func(b ir.Backend) bool { return !b.Unresolved })
}

// streamBackend returns a backend that gets the bytes as they are, since what the Service says about its protocol concerns requests; and one
// that gets them over TLS, if the Service has a BackendTLSPolicy.
func (b *routeBuilder) streamBackend(to *gatewayv1.BackendRef, field string) (plain, encrypted ir.Backend) {
	port, p := b.resolve(&to.BackendObjectReference)
	if p.is() {
		b.unresolve(p, field)
		return ir.Backend{Unresolved: true}, ir.Backend{Unresolved: true}
	}
	port.Protocol = ir.ProtocolHTTP1 // of TCP without TLS
	plain.Cluster = port.Cluster()
	encrypted.Cluster = plain.Cluster
	if b.key.Kind == kobj.UDPRoute {
		return plain, encrypted
	}
	b.services[port.Service] = true
	policy := b.policyOf(b.reader, &port)
	if policy == nil {
		return plain, encrypted
	}
	if !policy.encrypt(&encrypted.Cluster) {
		b.add(report.Warning, report.TypeAccepted, problem{
			report.InvalidPolicy,
			fmt.Sprintf("The BackendTLSPolicy of Service %q cannot be used; its connections are closed, unless they are passed through with their TLS.", port.Service),
		}, field)
		return plain, ir.Backend{Unresolved: true}
	}
	if f := b.env.Ref.ShowCertificate(b.reader, &encrypted.Cluster); f != nil {
		b.unresolve(problem{report.BackendNotFound, f.Message}, field)
		return plain, ir.Backend{Unresolved: true}
	}
	return plain, encrypted
}

// proxyFor returns the proxy for the connections of a listener. What is passed through has TLS already.
func (b *routeBuilder) proxyFor(p *attachedParent, l *attachedListener) *ir.TCPProxy {
	switch {
	case l.opaque || b.encrypted == nil:
		return b.tcp
	case p.shown == shownCertificate{}:
		return b.encrypted
	}
	return p.shown.proxy(b.encrypted)
}

// streams returns the contributions to the hosts of a listener that are not in done, and adds them.
func (b *routeBuilder) streams(a age, p *attachedParent, l *attachedListener, done map[ir.HostKey]bool) []contribution {
	hosts := l.hosts
	if !l.secure {
		hosts = []string{""}
	}
	var out []contribution
	proxy := b.proxyFor(p, l)
	for _, h := range hosts {
		k := ir.HostKey{Listener: keyOf(p.place(), l.port, l.protocol), Hostname: h}
		if done[k] {
			continue
		}
		done[k] = true
		out = append(out, contribution{contrib.Contribution{
			Key: k, Object: b.key, Created: a.created, ByAge: true, Chain: l.chain, TCP: proxy,
		}, listenerName{p.of, l.name}})
	}
	return out
}

// TLSRouteReferences returns the references of a TLSRoute to Services.
func TLSRouteReferences(o *gatewayv1.TLSRoute) []kind.Reference {
	return streamReferences(kobj.Of(kobj.TLSRoute, o.Namespace, o.Name), tlsBackends(o))
}

// TCPRouteReferences returns the references of a TCPRoute to Services.
func TCPRouteReferences(o *gatewayv1.TCPRoute) []kind.Reference {
	return streamReferences(kobj.Of(kobj.TCPRoute, o.Namespace, o.Name), tcpBackends(o))
}

// UDPRouteReferences returns the references of a UDPRoute to Services.
func UDPRouteReferences(o *gatewayv1.UDPRoute) []kind.Reference {
	return streamReferences(kobj.Of(kobj.UDPRoute, o.Namespace, o.Name), udpBackends(o))
}

func streamReferences(from kobj.Key, rules [][]gatewayv1.BackendRef) []kind.Reference {
	refs := references{from: from}
	for i := range rules {
		for j := range rules[i] {
			refs.service(&rules[i][j].BackendObjectReference)
		}
	}
	return refs.list
}
