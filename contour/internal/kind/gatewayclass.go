package kind

import (
	"reflect"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// GatewayAPI is the need of the kinds of the Gateway API, and of kinds to which only the Gateway API refers.
const GatewayAPI Need = "gateway-api"

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=gatewayclasses,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=gatewayclasses/status,verbs=patch

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
		Status: statusCodec[*gatewayv1.GatewayClass, gatewayv1.GatewayClassStatus]{
			next: nextClassStatus, fields: classFields,
			object: func(meta metav1.ObjectMeta, s *gatewayv1.GatewayClassStatus) *gatewayv1.GatewayClass {
				return &gatewayv1.GatewayClass{ObjectMeta: meta, Status: *s}
			},
		}.status(),
		Manifest: &Manifest{},
	}
}

func nextClassStatus(want *gatewayv1.GatewayClassStatus, o *gatewayv1.GatewayClass, now time.Time) *gatewayv1.GatewayClassStatus {
	if containsConditions(o.Status.Conditions, want.Conditions) && slices.Equal(o.Status.SupportedFeatures, want.SupportedFeatures) {
		return nil
	}
	s := *want
	s.Conditions = withOthers(timedConditions(want.Conditions, o.Status.Conditions, now), o.Status.Conditions, func(string) bool { return false })
	return &s
}

func classFields(s *gatewayv1.GatewayClassStatus) any {
	return struct {
		Conditions        []metav1.Condition           `json:"conditions"`
		SupportedFeatures []gatewayv1.SupportedFeature `json:"supportedFeatures"`
	}{s.Conditions, s.SupportedFeatures}
}

func gatewayVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: gatewayv1.GroupName, Version: "v1"}
}
