package kind

import (
	"reflect"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=gateways,verbs=list;watch

func gateway() Descriptor {
	return Descriptor{
		Kind: kobj.Gateway, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1beta1"}, Resource: "gateways", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.Gateway{} },
		Trim:        trims(func(g *gatewayv1.Gateway) { trimMeta(&g.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.Gateway) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Manifest: &Manifest{Defaults: gatewayDefaults()},
	}
}

// gatewayDefaults returns the defaults of the spec in the CRD (standard channel), outer fields first.
func gatewayDefaults() []Default {
	same, none := map[string]any{"from": "Same"}, map[string]any{"from": "None"}
	return []Default{
		{"spec.addresses[]", "type", "IPAddress"},
		{"spec.allowedListeners", "namespaces", none},
		{"spec.allowedListeners.namespaces", "from", "None"},
		{"spec.listeners[]", "allowedRoutes", map[string]any{"namespaces": same}},
		{"spec.listeners[].allowedRoutes", "namespaces", same},
		{"spec.listeners[].allowedRoutes.namespaces", "from", "Same"},
		{"spec.listeners[].allowedRoutes.kinds[]", "group", gatewayv1.GroupName},
		{"spec.listeners[].tls", "mode", "Terminate"},
		{"spec.listeners[].tls.certificateRefs[]", "group", ""},
		{"spec.listeners[].tls.certificateRefs[]", "kind", "Secret"},
		{"spec.tls.backend.clientCertificateRef", "group", ""},
		{"spec.tls.backend.clientCertificateRef", "kind", "Secret"},
		{"spec.tls.frontend.default.validation", "mode", "AllowValidOnly"},
		{"spec.tls.frontend.perPort[].tls.validation", "mode", "AllowValidOnly"},
	}
}
