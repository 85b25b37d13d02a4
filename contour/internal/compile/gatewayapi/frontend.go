package gatewayapi

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
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

// validateClients sets how the clients of an HTTPS listener are validated. Without authorities it is not served: anybody would be a
// client.
func (b *gatewayBuilder) validateClients(l *listener) {
	spec := frontend(b.object, l.port)
	if spec == nil || l.problem.is() {
		return
	}
	switch spec.Mode {
	case "", gatewayv1.AllowValidOnly:
		l.clients = ir.ClientValidation{Certificates: ir.RequiredClientCertificates}
	case gatewayv1.AllowInsecureFallback:
		l.clients = ir.ClientValidation{Certificates: ir.OptionalClientCertificates, Unverified: true}
	default:
		l.problem = problem{report.UnsupportedValue, fmt.Sprintf("The mode %s of the validation of clients is not AllowValidOnly or AllowInsecureFallback.", report.Quote(string(spec.Mode)))}
		return
	}
	if p := b.readAuthorities(l, spec.CACertificateRefs); p.is() {
		l.unresolved = p
		l.problem = problem{report.NoValidCACertificate, "There is no valid CA certificate to validate clients with. " + p.Message}
	}
}

// readAuthorities resolves the reference to the authorities by which the clients of a listener are validated.
func (b *gatewayBuilder) readAuthorities(l *listener, refs []gatewayv1.ObjectReference) problem {
	if len(refs) != 1 {
		return problem{report.InvalidCACertificateRef, fmt.Sprintf("There are %d caCertificateRefs; exactly one is supported, to a ConfigMap with any number of certificates.", len(refs))}
	}
	n, ok := authorities(b.key.Namespace, &refs[0])
	if !ok {
		return problem{report.InvalidCACertificateKind, fmt.Sprintf("A caCertificateRef is to the kind %s; use a ConfigMap.", report.Quote(string(refs[0].Kind)))}
	}
	size, f := b.env.Ref.GrantedCA(b.reader, b.key, n)
	switch {
	case f != nil && f.Problem == ref.NotPermitted:
		return problem{report.RefNotPermitted, f.Message}
	case f != nil:
		return problem{report.InvalidCACertificateRef, f.Message}
	}
	l.clients.CA, l.clients.ConfigMap, l.validation = n, true, size
	return problem{}
}

// authorities returns the ConfigMap that a caCertificateRef names; false if it is of another kind.
func authorities(namespace string, to *gatewayv1.ObjectReference) (kobj.Name, bool) {
	n := kobj.Name{Namespace: namespace, Name: string(to.Name)}
	if to.Namespace != nil {
		n.Namespace = string(*to.Namespace)
	}
	return n, to.Group == "" && kobj.Kind(to.Kind) == kobj.ConfigMap
}

// insecureFallback reports whether a listener serves clients whatever their certificates are, though these are to be validated.
func (g *gateway) insecureFallback() bool {
	for i := range g.listeners {
		if l := &g.listeners[i]; l.accepted() && l.clients.Unverified {
			return true
		}
	}
	return false
}
