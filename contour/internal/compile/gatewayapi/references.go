package gatewayapi

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// GatewayReferences returns the references of a Gateway to the Secrets of its listeners, to the ConfigMaps with the authorities for
// their clients, and to its parameters.
func GatewayReferences(g *gatewayv1.Gateway) []kind.Reference {
	from := kobj.Of(kobj.Gateway, g.Namespace, g.Name)
	out := parametersReference(from, g)
	if to := clientCertificate(g); to != nil {
		if n, ok := secretName(g.Namespace, to); ok {
			out = append(out, ref.ByGrant(from, kobj.Key{Kind: kobj.Secret, Name: n}))
		}
	}
	for i := range g.Spec.Listeners {
		if v := frontend(g, g.Spec.Listeners[i].Port); v != nil {
			for j := range v.CACertificateRefs {
				if n, ok := authorities(g.Namespace, &v.CACertificateRefs[j]); ok {
					out = append(out, ref.ByGrant(from, kobj.Key{Kind: kobj.ConfigMap, Name: n}))
				}
			}
		}
		tls := g.Spec.Listeners[i].TLS
		if tls == nil {
			continue
		}
		for _, to := range tls.CertificateRefs {
			if to.Group != nil && *to.Group != "" || to.Kind != nil && kobj.Kind(*to.Kind) != kobj.Secret {
				continue
			}
			n := kobj.Of(kobj.Secret, g.Namespace, string(to.Name))
			if to.Namespace != nil {
				n.Namespace = string(*to.Namespace)
			}
			out = append(out, ref.ByGrant(from, n))
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
