package kind

import (
	"reflect"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=listenersets,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=listenersets/status,verbs=patch

func listenerSet() Descriptor {
	return Descriptor{
		Kind: kobj.ListenerSet, GroupVersion: gatewayVersion(), Resource: "listenersets", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.ListenerSet{} },
		Trim:        trims(func(s *gatewayv1.ListenerSet) { trimMeta(&s.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.ListenerSet) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims: Claims{All: true},
		Status: statusCodec[*gatewayv1.ListenerSet, gatewayv1.ListenerSetStatus]{
			next: nextListenerSetStatus, counts: listenerSetCounts, fields: listenerSetFields,
			object: func(meta metav1.ObjectMeta, s *gatewayv1.ListenerSetStatus) *gatewayv1.ListenerSet {
				return &gatewayv1.ListenerSet{ObjectMeta: meta, Status: *s}
			},
		}.status(),
		Manifest: &Manifest{Defaults: listenerSetDefaults()},
	}
}

// nextListenerSetStatus keeps the conditions of others, and what Envoys programmed before the controller started, until it knows better.
func nextListenerSetStatus(want *gatewayv1.ListenerSetStatus, o *gatewayv1.ListenerSet, now time.Time) *gatewayv1.ListenerSetStatus {
	s := *want
	has := &o.Status
	s.Conditions = withOthers(stillProgrammed(timedConditions(want.Conditions, has.Conditions, now), has.Conditions), has.Conditions, ownGatewayCondition)
	s.Listeners = slices.Clone(want.Listeners)
	for i := range s.Listeners {
		l := &s.Listeners[i]
		var present []metav1.Condition
		if at := slices.IndexFunc(has.Listeners, func(h gatewayv1.ListenerEntryStatus) bool { return h.Name == l.Name }); at >= 0 {
			present = has.Listeners[at].Conditions
		}
		l.Conditions = stillProgrammed(timedConditions(l.Conditions, present, now), present)
	}
	if listenerSetCounts(&s, o) && slices.EqualFunc(s.Listeners, has.Listeners, func(a, b gatewayv1.ListenerEntryStatus) bool {
		return sameNumber(gatewayv1.ListenerStatus(a), gatewayv1.ListenerStatus(b))
	}) {
		return nil
	}
	return &s
}

// listenerSetCounts reports whether a status is that of the ListenerSet, but for the numbers of attached routes.
func listenerSetCounts(s *gatewayv1.ListenerSetStatus, o *gatewayv1.ListenerSet) bool {
	return sameConditions(o.Status.Conditions, s.Conditions) && slices.EqualFunc(s.Listeners, o.Status.Listeners, func(a, b gatewayv1.ListenerEntryStatus) bool {
		return sameListener(gatewayv1.ListenerStatus(a), gatewayv1.ListenerStatus(b))
	})
}

func listenerSetFields(s *gatewayv1.ListenerSetStatus) any {
	return struct {
		Conditions []metav1.Condition              `json:"conditions"`
		Listeners  []gatewayv1.ListenerEntryStatus `json:"listeners"` // null removes them
	}{s.Conditions, s.Listeners}
}

// listenerSetDefaults returns the defaults of the spec in the CRD, outer fields first.
func listenerSetDefaults() []Default {
	return append([]Default{
		{"spec.parentRef", "group", gatewayv1.GroupName},
		{"spec.parentRef", "kind", "Gateway"},
	}, listenerDefaults()...)
}

// listenerDefaults returns the defaults of the listeners of Gateways and ListenerSets in their CRDs, outer fields first.
func listenerDefaults() []Default {
	same := map[string]any{"from": "Same"}
	return []Default{
		{"spec.listeners[]", "allowedRoutes", map[string]any{"namespaces": same}},
		{"spec.listeners[].allowedRoutes", "namespaces", same},
		{"spec.listeners[].allowedRoutes.namespaces", "from", "Same"},
		{"spec.listeners[].allowedRoutes.kinds[]", "group", gatewayv1.GroupName},
		{"spec.listeners[].tls", "mode", "Terminate"},
		{"spec.listeners[].tls.certificateRefs[]", "group", ""},
		{"spec.listeners[].tls.certificateRefs[]", "kind", "Secret"},
	}
}
