package gatewayapi

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// frontend returns how clients of HTTPS listeners of a port are validated; nil if they are not.
func frontend(g *gatewayv1.Gateway, port gatewayv1.PortNumber) *gatewayv1.FrontendTLSValidation {
	if g.Spec.TLS == nil || g.Spec.TLS.Frontend == nil {
		return nil
	}
	for i := range g.Spec.TLS.Frontend.PerPort {
		if p := &g.Spec.TLS.Frontend.PerPort[i]; p.Port == port {
			return p.TLS.Validation
		}
	}
	return g.Spec.TLS.Frontend.Default.Validation
}

// frontends returns the ways in which a Gateway validates clients.
func frontends(g *gatewayv1.Gateway) (out []*gatewayv1.FrontendTLSValidation) {
	if g.Spec.TLS == nil || g.Spec.TLS.Frontend == nil {
		return nil
	}
	if v := g.Spec.TLS.Frontend.Default.Validation; v != nil {
		out = append(out, v)
	}
	for i := range g.Spec.TLS.Frontend.PerPort {
		if v := g.Spec.TLS.Frontend.PerPort[i].TLS.Validation; v != nil {
			out = append(out, v)
		}
	}
	return out
}

// gatewayPort is a port of a Gateway.
type gatewayPort struct {
	gateway kobj.Name
	port    gatewayv1.PortNumber
}

// clientValidation is how the clients of the HTTPS listeners of a port of a Gateway are validated, those of its ListenerSets included.
type clientValidation struct {
	settings   ir.ClientValidation
	size       int     // its cost, in hosts
	problem    problem // why the listeners are not accepted: without authorities anybody would be a client
	unresolved problem // of the reference to the authorities
}

// deriveClients returns how the clients of a port are validated; zero if they are not, or the Gateway does not exist.
func (x *Compiler) deriveClients(r *memo.Reader, of gatewayPort) clientValidation {
	g, ok := x.env.Store.Gateways.Get(r, of.gateway)
	if !ok {
		return clientValidation{}
	}
	spec := frontend(g, of.port)
	if spec == nil {
		return clientValidation{}
	}
	var out clientValidation
	switch spec.Mode {
	case "", gatewayv1.AllowValidOnly:
		out.settings.Certificates = ir.RequiredClientCertificates
	case gatewayv1.AllowInsecureFallback:
		out.settings.Certificates, out.settings.Unverified = ir.OptionalClientCertificates, true
	default:
		out.problem = problem{report.UnsupportedValue, fmt.Sprintf("The mode %s of the validation of clients is not AllowValidOnly or AllowInsecureFallback.", report.Quote(string(spec.Mode)))}
		return out
	}
	if out.unresolved = x.readAuthorities(r, of.gateway, &out, spec.CACertificateRefs); out.unresolved.is() {
		out.problem = problem{report.NoValidCACertificate, "There is no valid CA certificate to validate clients with. " + out.unresolved.Message}
	}
	return out
}

// readAuthorities resolves the reference of a Gateway to the authorities by which clients are validated.
func (x *Compiler) readAuthorities(r *memo.Reader, gateway kobj.Name, out *clientValidation, refs []gatewayv1.ObjectReference) problem {
	if len(refs) != 1 {
		return problem{report.InvalidCACertificateRef, fmt.Sprintf("There are %d caCertificateRefs; exactly one is supported, to a ConfigMap with any number of certificates.", len(refs))}
	}
	n, ok := authorities(gateway.Namespace, &refs[0])
	if !ok {
		return problem{report.InvalidCACertificateKind, fmt.Sprintf("A caCertificateRef is to the kind %s; use a ConfigMap.", report.Quote(string(refs[0].Kind)))}
	}
	size, f := x.env.Ref.GrantedCA(r, kobj.Key{Kind: kobj.Gateway, Name: gateway}, n)
	switch {
	case f != nil && f.Problem == ref.NotPermitted:
		return problem{report.RefNotPermitted, f.Message}
	case f != nil:
		return problem{report.InvalidCACertificateRef, f.Message}
	}
	out.settings.CA, out.settings.ConfigMap, out.size = n, true, size
	return problem{}
}

// validateClients sets how the clients of an HTTPS listener are validated.
func (b *listenerBuilder) validateClients(l *listener) {
	if l.problem.is() {
		return
	}
	v := b.clients(l.port)
	l.clients, l.validation = v.settings, v.size
	if v.problem.is() {
		l.problem = v.problem
	}
	if v.unresolved.is() {
		l.unresolved = v.unresolved
	}
}

// authorities returns the ConfigMap that a caCertificateRef names; false if it is of another kind.
func authorities(namespace string, to *gatewayv1.ObjectReference) (kobj.Name, bool) {
	n := kobj.Name{Namespace: namespace, Name: string(to.Name)}
	if to.Namespace != nil {
		n.Namespace = string(*to.Namespace)
	}
	return n, to.Group == "" && kobj.Kind(to.Kind) == kobj.ConfigMap
}

// insecureFallback reports whether a listener serves clients whatever their certificates are, though these are to be validated; with
// ListenerSets, whether one of theirs can.
func (g *gateway) insecureFallback() bool {
	if g.insecure && g.allowed.any() {
		return true
	}
	for i := range g.listeners {
		if l := &g.listeners[i]; l.accepted() && l.clients.Unverified {
			return true
		}
	}
	return false
}
