package kind

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// decoded returns a proxy that shares no memory with another one, as a decoder returns it.
func decoded(name string) *contourv1.HTTPProxy {
	text := func(s string) string { return string([]byte(s)) }
	condition := contourv1.DetailedCondition{}
	condition.Type, condition.Status, condition.Message = text("Valid"), "True", text("Valid HTTPProxy")
	return &contourv1.HTTPProxy{
		ObjectMeta: metav1.ObjectMeta{Namespace: text("team"), Name: name},
		Spec: contourv1.HTTPProxySpec{Routes: []contourv1.Route{
			{
				Conditions: []contourv1.MatchCondition{{Prefix: text("/a")}},
				Services:   []contourv1.Service{{Name: text("web"), Port: 80}},
			},
			{
				Conditions: []contourv1.MatchCondition{{Prefix: text("/a"), Header: &contourv1.HeaderMatchCondition{Name: name}}},
				Services:   []contourv1.Service{{Name: text("web"), Port: 80, Mirror: name == "b"}},
			},
		}},
		Status: contourv1.HTTPProxyStatus{
			CurrentStatus: text("valid"), Description: text("Valid HTTPProxy"),
			LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: text("192.0.2.1")}}},
			Conditions:   []contourv1.DetailedCondition{condition},
		},
	}
}

func TestEqualPartsAreInMemoryOnce(t *testing.T) {
	t.Parallel()
	var s shared
	a, b := decoded("a"), decoded("b")
	s.replace(a)
	s.replace(b)
	for what, same := range map[string]bool{
		"namespace":  unsafe.StringData(a.Namespace) == unsafe.StringData(b.Namespace),
		"conditions": &a.Spec.Routes[0].Conditions[0] == &b.Spec.Routes[0].Conditions[0],
		"services":   &a.Spec.Routes[0].Services[0] == &b.Spec.Routes[0].Services[0],
		"addresses":  &a.Status.LoadBalancer.Ingress[0] == &b.Status.LoadBalancer.Ingress[0],
		"status":     &a.Status.Conditions[0] == &b.Status.Conditions[0],
	} {
		if !same {
			t.Errorf("%s: two copies", what)
		}
	}
	for _, p := range []*contourv1.HTTPProxy{a, b} {
		if diff := cmp.Diff(decoded(p.Name), p); diff != "" {
			t.Errorf("%s is changed (-want +got):\n%s", p.Name, diff)
		}
	}
}

// The maps are bounded for any number of different values.
func TestSharedValuesAreBounded(t *testing.T) {
	t.Parallel()
	var s shared
	for i := range 3 * maxShared {
		p := decoded(fmt.Sprint(i))
		p.Spec.Routes[0].Conditions[0].Prefix = "/" + p.Name
		p.Spec.Routes[0].Services[0].Name = "web-" + p.Name
		s.replace(p)
		if c := p.Spec.Routes[0].Conditions[0].Prefix; c != "/"+p.Name {
			t.Fatalf("proxy %d has the condition %s", i, c)
		}
	}
	if len(s.prefixes) > maxShared || len(s.services) > maxShared {
		t.Errorf("%d prefixes and %d services are stored", len(s.prefixes), len(s.services))
	}
}
