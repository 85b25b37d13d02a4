package kind

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// GatewayAPI is the need of the kinds of the Gateway API, and of kinds to which only the Gateway API refers.
const GatewayAPI Need = "gateway-api"

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=gatewayclasses,verbs=list;watch

func gatewayClass() Descriptor {
	return Descriptor{
		Kind: kobj.GatewayClass, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1beta1"},
		Resource: "gatewayclasses", ClusterScoped: true, Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.GatewayClass{} },
		Trim:        trims(func(c *gatewayv1.GatewayClass) { trimMeta(&c.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.GatewayClass) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && reflect.DeepEqual(a.Spec, b.Spec)
		}),
		Manifest: &Manifest{},
	}
}

func gatewayVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: gatewayv1.GroupName, Version: "v1"}
}
