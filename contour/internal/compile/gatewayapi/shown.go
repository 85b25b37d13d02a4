package gatewayapi

import (
	"fmt"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// shownCertificate is the certificate that a Gateway shows to backends with TLS; the zero value stands for that of the configuration.
type shownCertificate struct {
	secret kobj.Name
	broken bool // the Gateway has one that cannot be used: backends with TLS are not connected to
}

// shownCertificate returns the certificate that the Gateway shows to backends.
func (b *gatewayBuilder) shownCertificate() (shownCertificate, problem) {
	to := clientCertificate(b.object)
	if to == nil {
		return shownCertificate{}, problem{}
	}
	n, ok := secretName(b.key.Namespace, to)
	if !ok {
		return shownCertificate{broken: true}, problem{report.InvalidClientCertificateRef, "The clientCertificateRef is not to a Secret."}
	}
	switch _, f := b.env.Ref.GrantedSecret(b.reader, b.key, n); {
	case f == nil:
		return shownCertificate{secret: n}, problem{}
	case f.Problem == ref.NotPermitted:
		return shownCertificate{broken: true}, problem{report.RefNotPermitted, f.Message}
	default:
		return shownCertificate{broken: true}, problem{report.InvalidClientCertificateRef, fmt.Sprintf("The certificate for backends cannot be used. %s", f.Message)}
	}
}

func clientCertificate(g *gatewayv1.Gateway) *gatewayv1.SecretObjectReference {
	if g.Spec.TLS == nil || g.Spec.TLS.Backend == nil {
		return nil
	}
	return g.Spec.TLS.Backend.ClientCertificateRef
}

// secretName returns the Secret that a reference names; false if it is to another kind.
func secretName(namespace string, to *gatewayv1.SecretObjectReference) (kobj.Name, bool) {
	n := kobj.Name{Namespace: namespace, Name: string(to.Name)}
	if to.Namespace != nil {
		n.Namespace = string(*to.Namespace)
	}
	return n, (to.Group == nil || *to.Group == "") && (to.Kind == nil || kobj.Kind(*to.Kind) == kobj.Secret)
}

// reportBroken reports that backends with TLS are not connected to, because of the certificate of the Gateway of a parentRef.
func (b *routeBuilder) reportBroken(p *attachedParent) {
	encrypted := func(r ir.Route) bool {
		return r.Forward != nil && slices.ContainsFunc(r.Forward.Backends, func(b ir.Backend) bool { return !b.Unresolved && b.Cluster.Protocol.UsesTLS() })
	}
	if p.shown.broken && len(p.listeners) > 0 && (slices.ContainsFunc(b.routes, encrypted) || b.encrypts(p)) {
		b.add(report.Warning, report.TypeAccepted, problem{
			report.InvalidClientCertificateRef,
			fmt.Sprintf("The certificate of Gateway %q for backends cannot be used; requests to backends with TLS are answered with an error, and connections are closed.", p.gateway),
		}, at("spec.parentRefs", p.index))
	}
}

// routes returns a copy of routes whose backends with TLS see the certificate. What routes have in common they still have.
func (s shownCertificate) routes(all []ir.Route) []ir.Route {
	out := slices.Clone(all)
	if s == (shownCertificate{}) {
		return out
	}
	made := map[*ir.Forward]ir.Route{}
	for i := range out {
		f := out[i].Forward
		if f == nil {
			continue
		}
		changed, known := made[f]
		if !known {
			changed = s.forward(f)
			made[f] = changed
		}
		out[i].Forward, out[i].Direct = changed.Forward, changed.Direct
		if changed.Direct != nil {
			out[i].Policies = nil
		}
	}
	return out
}

// forward returns the action of a route that forwards: without a backend that can receive requests it is an error.
func (s shownCertificate) forward(f *ir.Forward) ir.Route {
	out := *f
	out.Backends = slices.Clone(f.Backends)
	unresolved := f.Unresolved
	if unresolved == 0 {
		unresolved = 503
	}
	usable := false
	for i := range out.Backends {
		b := &out.Backends[i]
		if !b.Unresolved && !s.show(&b.Cluster) {
			b.Cluster, b.Unresolved, out.Unresolved = ir.Cluster{}, true, unresolved
		}
		usable = usable || b.Weight > 0 && !b.Unresolved
	}
	if !usable {
		return ir.Route{Direct: &ir.Direct{Code: uint32(unresolved)}}
	}
	if f.Special != nil {
		special := *f.Special
		special.Mirrors = slices.DeleteFunc(slices.Clone(f.Special.Mirrors), func(m ir.Mirror) bool { return !s.show(&m.Cluster) })
		for i := range special.Mirrors {
			s.show(&special.Mirrors[i].Cluster)
		}
		out.Special = &special
	}
	return ir.Route{Forward: &out}
}

// encrypts reports whether connections of listeners of the parent go on to a backend with TLS.
func (b *routeBuilder) encrypts(p *attachedParent) bool {
	return b.encrypted != nil && slices.ContainsFunc(p.listeners, func(l attachedListener) bool { return !l.opaque }) &&
		slices.ContainsFunc(b.encrypted.Backends, func(b ir.Backend) bool { return b.Cluster.Protocol.UsesTLS() })
}

// proxy returns a copy of a proxy whose backends with TLS see the certificate. The share of those that must not be connected to is closed.
func (s shownCertificate) proxy(of *ir.TCPProxy) *ir.TCPProxy {
	out := *of
	out.Backends = slices.Clone(of.Backends)
	for i := range out.Backends {
		if b := &out.Backends[i]; !b.Unresolved && !s.show(&b.Cluster) {
			b.Cluster, b.Unresolved = ir.Cluster{}, true
		}
	}
	return &out
}

// show makes Envoy show the certificate to a cluster; false if there is none for it.
func (s shownCertificate) show(c *ir.Cluster) bool {
	if !c.Protocol.UsesTLS() {
		return true
	}
	tuning := c.Tuning.Value()
	tuning.ClientCertificate = s.secret
	c.Tuning = ir.Intern(tuning)
	return !s.broken
}
