package gatewayapi

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// backendName returns the Service that a backendRef names; false if it is of another kind.
func backendName(namespace string, to *gatewayv1.BackendObjectReference) (kobj.Name, bool) {
	if to.Group != nil && *to.Group != "" || to.Kind != nil && kobj.Kind(*to.Kind) != kobj.Service {
		return kobj.Name{}, false
	}
	n := kobj.Name{Namespace: namespace, Name: string(to.Name)}
	if to.Namespace != nil {
		n.Namespace = string(*to.Namespace)
	}
	return n, true
}

// resolve returns the port of the Service of a backendRef. Whether a Service exists that the route may not use is not said.
func (b *routeBuilder) resolve(to *gatewayv1.BackendObjectReference) (ref.ServicePort, problem) {
	n, ok := backendName(b.key.Namespace, to)
	switch {
	case !ok:
		kind := kobj.Service
		if to.Kind != nil {
			kind = kobj.Kind(*to.Kind)
		}
		return ref.ServicePort{}, problem{report.InvalidKind, fmt.Sprintf("A backend of kind %s is not supported; use a Service.", report.Quote(string(kind)))}
	case !b.env.Ref.Granted(b.reader, b.key, kobj.Key{Kind: kobj.Service, Name: n}):
		return ref.ServicePort{}, problem{report.RefNotPermitted, fmt.Sprintf("No ReferenceGrant permits the reference to Service %q.", n)}
	case to.Port == nil:
		return ref.ServicePort{}, problem{report.BackendNotFound, fmt.Sprintf("The reference to Service %q has no port.", n)}
	}
	find := b.env.Ref.Service
	if b.key.Kind == kobj.UDPRoute {
		find = b.env.Ref.UDPService
	}
	port, f := find(b.reader, n, *to.Port)
	if f != nil {
		return ref.ServicePort{}, problem{report.BackendNotFound, f.Message}
	}
	return port, problem{}
}

// backend returns the cluster of a backendRef and its port; false, and no cluster, if it cannot be used, which is reported.
func (b *routeBuilder) backend(to *gatewayv1.BackendObjectReference, field string, grpc bool) (ir.Cluster, ref.ServicePort, bool) {
	port, p := b.resolve(to)
	if p.is() {
		b.unresolve(p, field)
		return ir.Cluster{}, port, false
	}
	c, p, broken := b.cluster(port, grpc)
	switch {
	case p.is():
		b.unresolve(p, field)
	case broken.is():
		b.add(report.Warning, report.TypeAccepted, broken, field)
	default:
		return c, port, true
	}
	return ir.Cluster{}, port, false
}

// cluster returns the cluster of a port, or why it does not resolve, or why it must not be used although it does. Requests of gRPC need
// HTTP/2, unless the Service says otherwise.
func (b *routeBuilder) cluster(port ref.ServicePort, grpc bool) (c ir.Cluster, unresolved, broken problem) {
	c = port.Cluster()
	switch {
	case grpc && c.Protocol == ir.ProtocolHTTP1:
		c.Protocol = ir.ProtocolH2C
	case grpc && c.Protocol == ir.ProtocolTLS:
		c.Protocol = ir.ProtocolH2
	}
	b.services[port.Service] = true
	if p := b.policyOf(b.reader, &port); p != nil && !p.encrypt(&c) {
		return c, problem{}, problem{report.InvalidPolicy, fmt.Sprintf("The BackendTLSPolicy of Service %q cannot be used; its requests are answered with an error.", port.Service)}
	}
	if f := b.env.Ref.ShowCertificate(b.reader, &c); f != nil {
		return c, problem{report.BackendNotFound, f.Message}, problem{}
	}
	return c, problem{}, problem{}
}
