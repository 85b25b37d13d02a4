package kind

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// A status that differs in numbers of attached objects only is to be written, and says so; any other one, or the same, does not.
func TestCounts(t *testing.T) {
	t.Parallel()
	conditions := func(status metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{{Type: "Accepted", Status: status, Reason: "Accepted", LastTransitionTime: metav1.NewTime(time.Unix(1, 0))}}
	}
	gatewayStatus := func(routes, sets int32, status metav1.ConditionStatus, listener gatewayv1.SectionName) *gatewayv1.GatewayStatus {
		return &gatewayv1.GatewayStatus{
			Conditions: conditions(status), AttachedListenerSets: &sets,
			Listeners: []gatewayv1.ListenerStatus{{Name: listener, AttachedRoutes: routes, Conditions: conditions(status)}},
		}
	}
	setStatus := func(routes int32, status metav1.ConditionStatus, listener gatewayv1.SectionName) *gatewayv1.ListenerSetStatus {
		return &gatewayv1.ListenerSetStatus{
			Conditions: conditions(status), Listeners: []gatewayv1.ListenerEntryStatus{{Name: listener, AttachedRoutes: routes, Conditions: conditions(status)}},
		}
	}
	hasGateway := &gatewayv1.Gateway{Status: *gatewayStatus(3, 1, metav1.ConditionTrue, "http")}
	hasSet := &gatewayv1.ListenerSet{Status: *setStatus(3, metav1.ConditionTrue, "http")}
	for name, test := range map[string]struct {
		of     Descriptor
		want   any
		has    metav1.Object
		writes bool
		counts bool
	}{
		"the same of a Gateway":        {gateway(), gatewayStatus(3, 1, metav1.ConditionTrue, "http"), hasGateway, false, false},
		"routes of a Gateway":          {gateway(), gatewayStatus(4, 1, metav1.ConditionTrue, "http"), hasGateway, true, true},
		"sets of a Gateway":            {gateway(), gatewayStatus(3, 2, metav1.ConditionTrue, "http"), hasGateway, true, true},
		"a condition of a Gateway":     {gateway(), gatewayStatus(4, 1, metav1.ConditionFalse, "http"), hasGateway, true, false},
		"a listener of a Gateway":      {gateway(), gatewayStatus(4, 1, metav1.ConditionTrue, "other"), hasGateway, true, false},
		"the same of a ListenerSet":    {listenerSet(), setStatus(3, metav1.ConditionTrue, "http"), hasSet, false, false},
		"routes of a ListenerSet":      {listenerSet(), setStatus(2, metav1.ConditionTrue, "http"), hasSet, true, true},
		"a condition of a ListenerSet": {listenerSet(), setStatus(2, metav1.ConditionFalse, "http"), hasSet, true, false},
	} {
		next := test.of.Status.Next(test.want, test.has, time.Unix(0, 0))
		if (next != nil) != test.writes {
			t.Errorf("%s: %+v is to be written", name, next)
			continue
		}
		if next != nil && test.of.Status.Counts(next, test.has) != test.counts {
			t.Errorf("%s: want %t", name, test.counts)
		}
	}
}
