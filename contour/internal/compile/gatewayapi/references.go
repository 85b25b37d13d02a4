package gatewayapi

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// GatewayReferences returns the references of a Gateway to the Secrets of its listeners, to the ConfigMaps with the authorities for
// clients, also of listeners of its ListenerSets, and to its parameters.
func GatewayReferences(g *gatewayv1.Gateway) []kind.Reference {
	from := kobj.Of(kobj.Gateway, g.Namespace, g.Name)
	out := parametersReference(from, g)
	if to := clientCertificate(g); to != nil {
		if n, ok := secretName(g.Namespace, to); ok {
			out = append(out, ref.ByGrant(from, kobj.Key{Kind: kobj.Secret, Name: n}))
		}
	}
	for _, v := range frontends(g) {
		for i := range v.CACertificateRefs {
			if n, ok := authorities(g.Namespace, &v.CACertificateRefs[i]); ok {
				out = append(out, ref.ByGrant(from, kobj.Key{Kind: kobj.ConfigMap, Name: n}))
			}
		}
	}
	for i := range g.Spec.Listeners {
		out = append(out, certificateReferences(from, g.Spec.Listeners[i].TLS)...)
	}
	return out
}

// ListenerSetReferences returns the references of a ListenerSet to the Secrets of its listeners.
func ListenerSetReferences(s *gatewayv1.ListenerSet) []kind.Reference {
	var out []kind.Reference
	for i := range s.Spec.Listeners {
		out = append(out, certificateReferences(kobj.Of(kobj.ListenerSet, s.Namespace, s.Name), s.Spec.Listeners[i].TLS)...)
	}
	return out
}

// certificateReferences returns the references of a listener of an object to Secrets.
func certificateReferences(from kobj.Key, tls *gatewayv1.ListenerTLSConfig) (out []kind.Reference) {
	if tls == nil {
		return nil
	}
	for i := range tls.CertificateRefs {
		if n, ok := secretName(from.Namespace, &tls.CertificateRefs[i]); ok {
			out = append(out, ref.ByGrant(from, kobj.Key{Kind: kobj.Secret, Name: n}))
		}
	}
	return out
}

// BackendTLSPolicyReferences returns the references of a policy to its Services, and to the ConfigMaps with the authorities for them.
func BackendTLSPolicyReferences(p *gatewayv1.BackendTLSPolicy) []kind.Reference {
	from := kobj.Of(kobj.BackendTLSPolicy, p.Namespace, p.Name)
	var out []kind.Reference
	for _, to := range p.Spec.Validation.CACertificateRefs {
		if to.Group == "" && kobj.Kind(to.Kind) == kobj.ConfigMap {
			out = append(out, kind.Reference{From: from, To: kobj.Of(kobj.ConfigMap, p.Namespace, string(to.Name))})
		}
	}
	for i := range p.Spec.TargetRefs {
		if to := &p.Spec.TargetRefs[i]; to.Group == "" && kobj.Kind(to.Kind) == kobj.Service {
			out = append(out, kind.Reference{From: from, To: kobj.Of(kobj.Service, p.Namespace, string(to.Name))})
		}
	}
	return out
}

// HTTPRouteReferences returns the references of an HTTPRoute to Services.
func HTTPRouteReferences(o *gatewayv1.HTTPRoute) []kind.Reference {
	refs := references{from: kobj.Of(kobj.HTTPRoute, o.Namespace, o.Name)}
	for i := range o.Spec.Rules {
		refs.filters(o.Spec.Rules[i].Filters)
		for j := range o.Spec.Rules[i].BackendRefs {
			refs.service(&o.Spec.Rules[i].BackendRefs[j].BackendObjectReference)
			refs.filters(o.Spec.Rules[i].BackendRefs[j].Filters)
		}
	}
	return refs.list
}

// GRPCRouteReferences returns the references of a GRPCRoute to Services.
func GRPCRouteReferences(o *gatewayv1.GRPCRoute) []kind.Reference {
	refs := references{from: kobj.Of(kobj.GRPCRoute, o.Namespace, o.Name)}
	for i := range o.Spec.Rules {
		refs.filters(httpFilters(o.Spec.Rules[i].Filters))
		for j := range o.Spec.Rules[i].BackendRefs {
			refs.service(&o.Spec.Rules[i].BackendRefs[j].BackendObjectReference)
			refs.filters(httpFilters(o.Spec.Rules[i].BackendRefs[j].Filters))
		}
	}
	return refs.list
}

// references collects the references of one route.
type references struct {
	from kobj.Key
	list []kind.Reference
}

func (r *references) service(to *gatewayv1.BackendObjectReference) {
	if n, ok := backendName(r.from.Namespace, to); ok {
		r.list = append(r.list, ref.ByGrant(r.from, kobj.Key{Kind: kobj.Service, Name: n}))
	}
}

func (r *references) filters(filters []gatewayv1.HTTPRouteFilter) {
	for i := range filters {
		if m := filters[i].RequestMirror; m != nil {
			r.service(&m.BackendRef)
		}
	}
}
