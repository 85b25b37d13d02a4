package kind

import (
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=backendtlspolicies,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=backendtlspolicies/status,verbs=patch

func backendTLSPolicy() Descriptor {
	return Descriptor{
		Kind: kobj.BackendTLSPolicy, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1alpha3"},
		Resource: "backendtlspolicies", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.BackendTLSPolicy{} },
		Trim:        trims(func(p *gatewayv1.BackendTLSPolicy) { trimMeta(&p.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.BackendTLSPolicy) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims:   Claims{All: true},
		Status:   policyStatus(),
		Manifest: &Manifest{},
	}
}

// PolicyAncestors is the status of a policy as the controller wants it: its entries of status.ancestors. Entries of other controllers
// are none of its business.
type PolicyAncestors struct {
	Controller gatewayv1.GatewayController      `json:"-"`
	Ancestors  []gatewayv1.PolicyAncestorStatus `json:"ancestors,omitempty"`
}

// maxAncestors is the largest number of entries in status.ancestors.
const maxAncestors = 16

// policyStatus is the Status of BackendTLSPolicies. Its entries are those of a route with other names.
func policyStatus() *Status {
	s := statusCodec[*gatewayv1.BackendTLSPolicy, PolicyAncestors]{
		next: func(want *PolicyAncestors, o *gatewayv1.BackendTLSPolicy, now time.Time) *PolicyAncestors {
			next := (&RouteParents{Controller: want.Controller, Parents: asParents(want.Ancestors)}).nextOf(asParents(o.Status.Ancestors), maxAncestors, now)
			if next == nil {
				return nil
			}
			out := &PolicyAncestors{Controller: want.Controller}
			for _, p := range next.Parents {
				out.Ancestors = append(out.Ancestors, asAncestor(p))
			}
			return out
		},
		// The patch has operations instead.
		fields: func(s *PolicyAncestors) any { return s },
		object: func(meta metav1.ObjectMeta, s *PolicyAncestors) *gatewayv1.BackendTLSPolicy {
			return &gatewayv1.BackendTLSPolicy{ObjectMeta: meta, Status: gatewayv1.PolicyStatus{Ancestors: s.Ancestors}}
		},
	}.status()
	s.Operations = func(status any, o metav1.Object) []Operation {
		if p, ok := o.(*gatewayv1.BackendTLSPolicy); ok {
			return replaceEntries(statusEntries{
				list:  "/status/ancestors",
				whole: func(next []gatewayv1.RouteParentStatus) any { return status },
				entry: func(p gatewayv1.RouteParentStatus) any { return asAncestor(p) },
			}, asParents(p.Status.Ancestors), asParents(status.(*PolicyAncestors).Ancestors))
		}
		return nil
	}
	return s
}

func asParents(ancestors []gatewayv1.PolicyAncestorStatus) []gatewayv1.RouteParentStatus {
	var out []gatewayv1.RouteParentStatus
	for _, a := range ancestors {
		out = append(out, gatewayv1.RouteParentStatus{ParentRef: a.AncestorRef, ControllerName: a.ControllerName, Conditions: a.Conditions})
	}
	return out
}

func asAncestor(p gatewayv1.RouteParentStatus) gatewayv1.PolicyAncestorStatus {
	return gatewayv1.PolicyAncestorStatus{AncestorRef: p.ParentRef, ControllerName: p.ControllerName, Conditions: p.Conditions}
}
