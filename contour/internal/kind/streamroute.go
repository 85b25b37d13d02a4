package kind

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=tlsroutes,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=tlsroutes/status,verbs=patch

func tlsRoute() Descriptor {
	return Descriptor{
		Kind: kobj.TLSRoute, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1alpha3", "v1alpha2"}, Resource: "tlsroutes", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.TLSRoute{} },
		Trim:        trims(func(r *gatewayv1.TLSRoute) { trimMeta(&r.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.TLSRoute) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims: Claims{All: true},
		Status: routeStatus(func(r *gatewayv1.TLSRoute) []gatewayv1.RouteParentStatus { return r.Status.Parents },
			func(meta metav1.ObjectMeta, s *RouteParents) *gatewayv1.TLSRoute {
				return &gatewayv1.TLSRoute{ObjectMeta: meta, Status: gatewayv1.TLSRouteStatus{RouteStatus: gatewayv1.RouteStatus{Parents: s.Parents}}}
			}),
		Manifest: &Manifest{Defaults: streamRouteDefaults()},
	}
}

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=tcproutes,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=tcproutes/status,verbs=patch

func tcpRoute() Descriptor {
	return Descriptor{
		Kind: kobj.TCPRoute, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1alpha2"}, Resource: "tcproutes", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.TCPRoute{} },
		Trim:        trims(func(r *gatewayv1.TCPRoute) { trimMeta(&r.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.TCPRoute) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims: Claims{All: true},
		Status: routeStatus(func(r *gatewayv1.TCPRoute) []gatewayv1.RouteParentStatus { return r.Status.Parents },
			func(meta metav1.ObjectMeta, s *RouteParents) *gatewayv1.TCPRoute {
				return &gatewayv1.TCPRoute{ObjectMeta: meta, Status: gatewayv1.TCPRouteStatus{RouteStatus: gatewayv1.RouteStatus{Parents: s.Parents}}}
			}),
		Manifest: &Manifest{Defaults: streamRouteDefaults()},
	}
}

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=udproutes,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=udproutes/status,verbs=patch

func udpRoute() Descriptor {
	return Descriptor{
		Kind: kobj.UDPRoute, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1alpha2"}, Resource: "udproutes", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.UDPRoute{} },
		Trim:        trims(func(r *gatewayv1.UDPRoute) { trimMeta(&r.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.UDPRoute) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims: Claims{All: true},
		Status: routeStatus(func(r *gatewayv1.UDPRoute) []gatewayv1.RouteParentStatus { return r.Status.Parents },
			func(meta metav1.ObjectMeta, s *RouteParents) *gatewayv1.UDPRoute {
				return &gatewayv1.UDPRoute{ObjectMeta: meta, Status: gatewayv1.UDPRouteStatus{RouteStatus: gatewayv1.RouteStatus{Parents: s.Parents}}}
			}),
		Manifest: &Manifest{Defaults: streamRouteDefaults()},
	}
}

// streamRouteDefaults returns the defaults that the specs of routes without requests have in their CRDs.
func streamRouteDefaults() []Default {
	return []Default{
		{"spec.parentRefs[]", "group", gatewayv1.GroupName},
		{"spec.parentRefs[]", "kind", "Gateway"},
		{"spec.rules[].backendRefs[]", "group", ""},
		{"spec.rules[].backendRefs[]", "kind", "Service"},
		{"spec.rules[].backendRefs[]", "weight", 1},
	}
}
