package preview

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1alpha2 "sigs.k8s.io/gateway-api/apis/v1alpha2"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// ParentMissing: the Gateway or ListenerSet that a route names does not exist, so that no controller serves the route there. Correct its
// name or namespace, or add it.
const ParentMissing report.Reason = "ParentMissing"

// HasParents reports whether objects of a kind name parents: the routes of the Gateway API do.
func HasParents(k kobj.Kind) bool {
	return slices.Contains([]kobj.Kind{kobj.HTTPRoute, kobj.GRPCRoute, kobj.TLSRoute, kobj.TCPRoute, kobj.UDPRoute}, k)
}

// parentsOf returns the parents that a route of the Gateway API names.
func parentsOf(o metav1.Object) []gatewayv1.ParentReference {
	switch o := o.(type) {
	case *gatewayv1.HTTPRoute:
		return o.Spec.ParentRefs
	case *gatewayv1.GRPCRoute:
		return o.Spec.ParentRefs
	case *gatewayv1.TLSRoute:
		return o.Spec.ParentRefs
	case *gatewayv1alpha2.TCPRoute:
		return o.Spec.ParentRefs
	case *gatewayv1alpha2.UDPRoute:
		return o.Spec.ParentRefs
	}
	return nil
}

// missingParents collects the parents that do not exist. In a cluster nobody reports them: a controller writes the status of routes for
// its own Gateways only.
func (p *Preview) missingParents() {
	for k, o := range p.objects {
		for i, ref := range parentsOf(o) {
			parent := kobj.Gateway
			if ref.Kind != nil {
				parent = kobj.Kind(*ref.Kind)
			}
			if !slices.Contains([]kobj.Kind{kobj.Gateway, kobj.ListenerSet}, parent) || ref.Group != nil && *ref.Group != gatewayv1.GroupName {
				continue
			}
			namespace := k.Namespace
			if ref.Namespace != nil {
				namespace = cmp.Or(string(*ref.Namespace), namespace)
			}
			of := kobj.Of(parent, namespace, string(ref.Name))
			if !p.exists(of) {
				p.Findings = append(p.Findings, p.at(Finding{
					Severity: Warning, Object: k, Field: fmt.Sprintf("spec.parentRefs[%d]", i), Reason: ParentMissing,
					Message: fmt.Sprintf("%s does not exist, so that it serves no route.", of),
				}))
			}
		}
	}
}
