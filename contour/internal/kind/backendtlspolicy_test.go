package kind

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Entries of other controllers in the status of a policy are kept, in place, and not sent; there are at most 16 entries.
func TestPolicyAncestors(t *testing.T) {
	t.Parallel()
	now := time.Unix(2000, 0)
	entry := func(controller gatewayv1.GatewayController, name gatewayv1.ObjectName, at time.Time) gatewayv1.PolicyAncestorStatus {
		return asAncestor(parentEntry(controller, name, metav1.ConditionTrue, at))
	}
	theirs := entry("theirs", "a", time.Unix(1000, 0))
	o := &gatewayv1.BackendTLSPolicy{Status: gatewayv1.PolicyStatus{Ancestors: []gatewayv1.PolicyAncestorStatus{entry("ours", "gone", now), theirs}}}
	want := &PolicyAncestors{Controller: "ours", Ancestors: []gatewayv1.PolicyAncestorStatus{entry("ours", "b", time.Time{})}}
	s := policyStatus()
	next, ok := s.Next(want, o, now).(*PolicyAncestors)
	if !ok {
		t.Fatal("there is nothing to write")
	}
	added := entry("ours", "b", now)
	if diff := cmp.Diff([]gatewayv1.PolicyAncestorStatus{theirs, added}, next.Ancestors); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	ops := []Operation{{Op: "remove", Path: "/status/ancestors/0"}, {Op: "add", Path: "/status/ancestors/-", Value: added}}
	if diff := cmp.Diff(ops, s.Operations(next, o)); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	first, err := json.Marshal(s.Operations(next, &gatewayv1.BackendTLSPolicy{}))
	if err != nil {
		t.Fatal(err)
	}
	var got []struct {
		Path  string
		Value gatewayv1.PolicyStatus
	}
	if err := json.Unmarshal(first, &got); err != nil || len(got) != 1 || got[0].Path != "/status" || len(got[0].Value.Ancestors) != 2 {
		t.Errorf("the first entries: %s, %v", first, err)
	}
	if again := s.Next(want, &gatewayv1.BackendTLSPolicy{Status: gatewayv1.PolicyStatus{Ancestors: next.Ancestors}}, now.Add(time.Hour)); again != nil {
		t.Errorf("a status that is as wanted is written: %+v", again)
	}
	for len(o.Status.Ancestors) < maxAncestors {
		o.Status.Ancestors = append(o.Status.Ancestors, theirs)
	}
	o.Status.Ancestors[0] = theirs
	if full := s.Next(want, o, now); full != nil {
		t.Errorf("more than %d entries are written: %+v", maxAncestors, full)
	}
}
