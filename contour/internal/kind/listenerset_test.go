package kind

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestListenerSetDefaults(t *testing.T) {
	t.Parallel()
	var got, want gatewayv1.ListenerSet
	for text, into := range map[string]*gatewayv1.ListenerSet{
		`{"spec": {"parentRef": {"name": "web"}, "listeners": [{"name": "a", "port": 443, "tls": {"certificateRefs": [{"name": "c"}]}}]}}`: &got,
		`{"spec": {"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "web"}, "listeners": [{"name": "a", "port": 443,
		"allowedRoutes": {"namespaces": {"from": "Same"}}, "tls": {"mode": "Terminate", "certificateRefs": [{"group": "", "kind": "Secret", "name": "c"}]}}]}}`: &want,
	} {
		data := []byte(text)
		if into == &got {
			data = listenerSet().Manifest.Fill(data)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaulted (-want +got):\n%s", diff)
	}
}

// The status of a set keeps conditions of others and what is programmed, and is patched only if it differs. Listeners that are no more in
// the spec leave it.
func TestListenerSetStatus(t *testing.T) {
	t.Parallel()
	s := listenerSet().Status
	now := time.Unix(1_800_000_000, 0)
	condition := func(kind, reason string, status metav1.ConditionStatus) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: reason, ObservedGeneration: 1}
	}
	listener := func(conditions ...metav1.Condition) []gatewayv1.ListenerEntryStatus {
		return []gatewayv1.ListenerEntryStatus{{Name: "a", AttachedRoutes: 2, Conditions: conditions}}
	}
	want := &gatewayv1.ListenerSetStatus{
		Conditions: []metav1.Condition{condition("Accepted", "Accepted", metav1.ConditionTrue), condition("Programmed", "Pending", metav1.ConditionFalse)},
		Listeners:  listener(condition("Programmed", "Pending", metav1.ConditionFalse)),
	}
	present := &gatewayv1.ListenerSet{Status: gatewayv1.ListenerSetStatus{
		Conditions: timedConditions([]metav1.Condition{
			condition("example.com/Theirs", "Theirs", metav1.ConditionTrue), condition("Programmed", "Programmed", metav1.ConditionTrue),
			condition("ResolvedRefs", "Former", metav1.ConditionTrue),
		}, nil, now),
		Listeners: listener(timedConditions([]metav1.Condition{condition("Programmed", "Programmed", metav1.ConditionTrue)}, nil, now)...),
	}}
	next := s.Next(want, present, now.Add(time.Hour))
	if next == nil {
		t.Fatal("no patch")
	}
	patched := next.(*gatewayv1.ListenerSetStatus)
	var types []string
	for _, c := range patched.Conditions {
		types = append(types, c.Type+"="+c.Reason)
	}
	if got := strings.Join(types, " "); got != "Accepted=Accepted Programmed=Programmed example.com/Theirs=Theirs" {
		t.Errorf("conditions: %s", got)
	}
	if got := patched.Listeners[0].Conditions[0]; got.Reason != "Programmed" || !got.LastTransitionTime.Time.Equal(now) {
		t.Errorf("the listener: %+v", got)
	}
	if again := s.Next(want, &gatewayv1.ListenerSet{Status: *patched}, now.Add(2*time.Hour)); again != nil {
		t.Errorf("a patch without a difference: %+v", again)
	}
	if s.Next(&gatewayv1.ListenerSetStatus{Conditions: want.Conditions}, &gatewayv1.ListenerSet{Status: *patched}, now) == nil {
		t.Error("listeners that are gone are not removed")
	}
}

// The number of ListenerSets of a Gateway is written if it differs: a CRD that does not have the field leaves it out.
func TestAttachedListenerSets(t *testing.T) {
	t.Parallel()
	s := gateway().Status
	zero, two := int32(0), int32(2)
	for _, c := range []struct{ want, has, patched *int32 }{{nil, nil, nil}, {&zero, nil, nil}, {nil, &zero, nil}, {&two, nil, &two}, {nil, &two, &zero}, {&two, &two, nil}} {
		next := s.Next(&gatewayv1.GatewayStatus{AttachedListenerSets: c.want}, &gatewayv1.Gateway{Status: gatewayv1.GatewayStatus{AttachedListenerSets: c.has}}, time.Unix(1, 0))
		if (next == nil) != (c.patched == nil) {
			t.Errorf("want %d, has %d: %+v", count(c.want), count(c.has), next)
			continue
		}
		if next == nil {
			continue
		}
		if got := next.(*gatewayv1.GatewayStatus).AttachedListenerSets; got == nil || *got != *c.patched {
			t.Errorf("want %d, has %d: %v is patched", count(c.want), count(c.has), got)
		}
	}
}
