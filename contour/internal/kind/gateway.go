package kind

import (
	"reflect"
	"slices"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=gateways,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=gateways/status,verbs=patch

func gateway() Descriptor {
	return Descriptor{
		Kind: kobj.Gateway, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1beta1"}, Resource: "gateways", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.Gateway{} },
		Trim:        trims(func(g *gatewayv1.Gateway) { trimMeta(&g.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.Gateway) bool {
			// The addresses in the status are the record of those that the controller has assigned.
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && reflect.DeepEqual(a.Status.Addresses, b.Status.Addresses) &&
				(sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims: Claims{All: true},
		Status: statusCodec[*gatewayv1.Gateway, gatewayv1.GatewayStatus]{
			next: nextGatewayStatus, counts: gatewayCounts, fields: gatewayFields,
			object: func(meta metav1.ObjectMeta, s *gatewayv1.GatewayStatus) *gatewayv1.Gateway {
				return &gatewayv1.Gateway{ObjectMeta: meta, Status: *s}
			},
		}.status(),
		Manifest: &Manifest{Defaults: gatewayDefaults()},
	}
}

// ownGatewayCondition reports whether a type of conditions of Gateways and listeners is one of the API, which the controller of the class
// sets.
func ownGatewayCondition(conditionType string) bool {
	switch conditionType {
	case string(gatewayv1.GatewayConditionAccepted), string(gatewayv1.GatewayConditionProgrammed), string(gatewayv1.ListenerConditionResolvedRefs),
		string(gatewayv1.ListenerConditionConflicted), string(gatewayv1.ListenerConditionOverlappingTLSConfig),
		string(gatewayv1.GatewayConditionInsecureFrontendValidationMode):
		return true
	}
	return false
}

// nextGatewayStatus keeps the conditions of others, and what Envoys programmed before the controller started, until it knows better.
func nextGatewayStatus(want *gatewayv1.GatewayStatus, o *gatewayv1.Gateway, now time.Time) *gatewayv1.GatewayStatus {
	s := *want
	has := &o.Status
	s.Conditions = withOthers(stillProgrammed(timedConditions(want.Conditions, has.Conditions, now), has.Conditions), has.Conditions, ownGatewayCondition)
	s.Listeners = slices.Clone(want.Listeners)
	for i := range s.Listeners {
		l := &s.Listeners[i]
		var present []metav1.Condition
		if at := slices.IndexFunc(has.Listeners, func(h gatewayv1.ListenerStatus) bool { return h.Name == l.Name }); at >= 0 {
			present = has.Listeners[at].Conditions
		}
		l.Conditions = stillProgrammed(timedConditions(l.Conditions, present, now), present)
	}
	if count(s.AttachedListenerSets) == count(has.AttachedListenerSets) {
		s.AttachedListenerSets = has.AttachedListenerSets // absent, where the CRD does not have it
	} else if s.AttachedListenerSets == nil {
		s.AttachedListenerSets = new(int32)
	}
	if s.AttachedListenerSets == has.AttachedListenerSets && gatewayCounts(&s, o) && slices.EqualFunc(s.Listeners, has.Listeners, sameNumber) {
		return nil
	}
	return &s
}

// gatewayCounts reports whether a status is that of the Gateway, but for the numbers of attached routes and ListenerSets.
func gatewayCounts(s *gatewayv1.GatewayStatus, o *gatewayv1.Gateway) bool {
	has := &o.Status
	return apiequality.Semantic.DeepEqual(s.Addresses, has.Addresses) && sameConditions(has.Conditions, s.Conditions) &&
		slices.EqualFunc(s.Listeners, has.Listeners, sameListener)
}

// count returns a number that is absent if it is 0.
func count(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

func sameNumber(a, b gatewayv1.ListenerStatus) bool { return a.AttachedRoutes == b.AttachedRoutes }

// sameListener compares all but the number of attached routes.
func sameListener(a, b gatewayv1.ListenerStatus) bool {
	return a.Name == b.Name && apiequality.Semantic.DeepEqual(a.SupportedKinds, b.SupportedKinds) &&
		sameConditions(b.Conditions, a.Conditions)
}

// stillProgrammed replaces a condition Programmed that waits for an Envoy by the present one, if that is true and of the same
// generation: after a restart the controller does not know yet what Envoys have.
func stillProgrammed(want, present []metav1.Condition) []metav1.Condition {
	const programmed = string(gatewayv1.GatewayConditionProgrammed)
	i, at := conditionOf(want, programmed), conditionOf(present, programmed)
	if i >= 0 && at >= 0 && want[i].Reason == string(gatewayv1.GatewayReasonPending) && present[at].Status == metav1.ConditionTrue &&
		present[at].ObservedGeneration == want[i].ObservedGeneration {
		want[i] = present[at]
	}
	return want
}

func gatewayFields(s *gatewayv1.GatewayStatus) any {
	return struct {
		Addresses            []gatewayv1.GatewayStatusAddress `json:"addresses"`
		AttachedListenerSets *int32                           `json:"attachedListenerSets,omitempty"`
		Conditions           []metav1.Condition               `json:"conditions"`
		Listeners            []gatewayv1.ListenerStatus       `json:"listeners"`
	}{s.Addresses, s.AttachedListenerSets, s.Conditions, s.Listeners}
}

// gatewayDefaults returns the defaults of the spec in the CRD (standard channel), outer fields first.
func gatewayDefaults() []Default {
	return slices.Concat([]Default{
		{"spec.addresses[]", "type", "IPAddress"},
		{"spec.allowedListeners", "namespaces", map[string]any{"from": "None"}},
		{"spec.allowedListeners.namespaces", "from", "None"},
	}, listenerDefaults(), []Default{
		{"spec.tls.backend.clientCertificateRef", "group", ""},
		{"spec.tls.backend.clientCertificateRef", "kind", "Secret"},
		{"spec.tls.frontend.default.validation", "mode", "AllowValidOnly"},
		{"spec.tls.frontend.perPort[].tls.validation", "mode", "AllowValidOnly"},
	})
}
