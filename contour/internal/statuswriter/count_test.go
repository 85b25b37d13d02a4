package statuswriter

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/status"
)

// busyGateway is the desired status of a Gateway with a listener that has routes.
func busyGateway(k kobj.Key, routes int32, accepted metav1.ConditionStatus) *status.Desired {
	return &status.Desired{Key: k, Generation: 1, Status: &gatewayv1.GatewayStatus{
		Conditions: []metav1.Condition{{Type: "Accepted", Status: accepted, Reason: "Accepted", ObservedGeneration: 1}},
		Listeners:  []gatewayv1.ListenerStatus{{Name: "http", AttachedRoutes: routes}},
	}}
}

// The status of a Gateway whose routes come and go is written once in a second, with the last number; any other change of it at once.
func TestNumbersAreWrittenOnceInASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, seen := newWriter(s)
		g := kobj.Of(kobj.Gateway, "default", "web")
		s.put(g, nil)
		s.sync()
		defer lead(t, w)()
		expect := func(what string, writes int, routes int32) {
			t.Helper()
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if got := s.objects[g].(*gatewayv1.Gateway).Status.Listeners[0].AttachedRoutes; s.writes[g] != writes || got != routes {
				t.Errorf("%s: %d writes, %d routes, want %d and %d", what, s.writes[g], got, writes, routes)
			}
		}
		routes := int32(0)
		w.Set(g, busyGateway(g, routes, metav1.ConditionTrue))
		expect("the first one", 1, 0)
		for range 100 {
			pass(5 * time.Millisecond)
			routes++
			w.Set(g, busyGateway(g, routes, metav1.ConditionTrue))
		}
		expect("in the first second", 2, 1)
		pass(countPause * 6 / 10)
		expect("after it", 3, 100)
		w.Set(g, busyGateway(g, 101, metav1.ConditionTrue))
		expect("one more route", 3, 100)
		w.Set(g, busyGateway(g, 102, metav1.ConditionFalse))
		expect("a condition", 4, 102)
		pass(10 * countPause)
		expect("at rest", 4, 102)
		w.Set(g, busyGateway(g, 103, metav1.ConditionFalse))
		expect("a route after a rest", 5, 103)
		if seen.of(OutcomeConflict) != 0 {
			t.Errorf("outcomes %v", seen.count)
		}
	})
}
