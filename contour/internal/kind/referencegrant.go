package kind

import (
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=referencegrants,verbs=list;watch

func referenceGrant() Descriptor {
	return Descriptor{
		Kind: kobj.ReferenceGrant, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1beta1"},
		Resource: "referencegrants", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.ReferenceGrant{} },
		Trim:        trims(func(g *gatewayv1.ReferenceGrant) { trimMeta(&g.ObjectMeta) }),
		Equal:       equals(func(a, b *gatewayv1.ReferenceGrant) bool { return reflect.DeepEqual(a.Spec, b.Spec) }),
		Permits: func(o metav1.Object, r Reference) bool {
			g, ok := o.(*gatewayv1.ReferenceGrant)
			return ok && g.Namespace == r.To.Namespace && Grants(g, r.From, r.To)
		},
		Manifest: &Manifest{},
	}
}

// Grants reports whether a grant permits objects of a kind and namespace to refer to an object of its own namespace.
func Grants(g *gatewayv1.ReferenceGrant, from, to kobj.Key) bool {
	return slices.ContainsFunc(g.Spec.From, func(f gatewayv1.ReferenceGrantFrom) bool {
		return string(f.Namespace) == from.Namespace && GrantKind(f.Group, f.Kind) == from.Kind && from.Kind != ""
	}) && slices.ContainsFunc(g.Spec.To, func(t gatewayv1.ReferenceGrantTo) bool {
		return GrantKind(t.Group, t.Kind) == to.Kind && to.Kind != "" && (t.Name == nil || string(*t.Name) == to.Name.Name)
	})
}

// GrantKind returns the kind of which grants are read, "" for others: a kind of the same name in another group is another one.
func GrantKind(group gatewayv1.Group, kind gatewayv1.Kind) kobj.Kind {
	k := kobj.Kind(kind)
	known := map[gatewayv1.Group][]kobj.Kind{
		gatewayv1.GroupName: {kobj.Gateway, kobj.ListenerSet, kobj.HTTPRoute, kobj.GRPCRoute, kobj.TLSRoute, kobj.TCPRoute, kobj.UDPRoute},
		"":                  {kobj.Service, kobj.Secret, kobj.ConfigMap},
	}
	if slices.Contains(known[group], k) {
		return k
	}
	return ""
}
