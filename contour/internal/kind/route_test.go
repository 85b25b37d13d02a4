package kind

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func parentEntry(controller gatewayv1.GatewayController, parent gatewayv1.ObjectName, status metav1.ConditionStatus, at time.Time) gatewayv1.RouteParentStatus {
	return gatewayv1.RouteParentStatus{
		ControllerName: controller, ParentRef: gatewayv1.ParentReference{Name: parent},
		Conditions: []metav1.Condition{{Type: "Accepted", Status: status, LastTransitionTime: metav1.NewTime(at)}},
	}
}

// Entries of other controllers are kept in place and not sent; those of this controller are replaced, removed and added.
func TestRouteParents(t *testing.T) {
	t.Parallel()
	before, now := time.Unix(1000, 0), time.Unix(2000, 0)
	present := []gatewayv1.RouteParentStatus{
		parentEntry("ours", "gone", metav1.ConditionTrue, before), parentEntry("theirs", "a", metav1.ConditionTrue, before),
		parentEntry("ours", "a", metav1.ConditionTrue, before), parentEntry("ours", "b", metav1.ConditionTrue, before), parentEntry("theirs", "b", metav1.ConditionTrue, before),
	}
	want := &RouteParents{Controller: "ours", Parents: []gatewayv1.RouteParentStatus{
		parentEntry("ours", "a", metav1.ConditionTrue, time.Time{}), parentEntry("ours", "b", metav1.ConditionFalse, time.Time{}), parentEntry("ours", "c", metav1.ConditionTrue, time.Time{}),
	}}
	next := want.next(present, now)
	b, c := parentEntry("ours", "b", metav1.ConditionFalse, now), parentEntry("ours", "c", metav1.ConditionTrue, now)
	if diff := cmp.Diff([]gatewayv1.RouteParentStatus{present[1], present[2], b, present[4], c}, next.Parents); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	ops := []Operation{
		{Op: "replace", Path: "/status/parents/3/conditions", Value: b.Conditions},
		{Op: "remove", Path: "/status/parents/0"},
		{Op: "add", Path: "/status/parents/-", Value: c},
	}
	if diff := cmp.Diff(ops, replaceParents(present, next.Parents)); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	if again := want.next(next.Parents, now.Add(time.Hour)); again != nil {
		t.Errorf("a status that is as wanted is written: %+v", again)
	}
	first := want.next(nil, now)
	if got := replaceParents(nil, first.Parents); len(got) != 1 || got[0].Path != "/status" {
		t.Errorf("the first entries: %+v", got)
	}
}

func TestGrantKind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		group gatewayv1.Group
		kind  gatewayv1.Kind
		known bool
	}{
		{"gateway.networking.k8s.io", "HTTPRoute", true},
		{"", "HTTPRoute", false},
		{"example.com", "Gateway", false},
		{"", "Secret", true},
		{"gateway.networking.k8s.io", "Service", false},
		{"", "Pod", false},
	} {
		if got := GrantKind(row.group, row.kind); (got != "") != row.known {
			t.Errorf("%q %q: %q", row.group, row.kind, got)
		}
	}
}
