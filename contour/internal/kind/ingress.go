package kind

import (
	"fmt"
	"reflect"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses/status,verbs=patch

func ingress() Descriptor {
	return Descriptor{
		Kind: kobj.Ingress, GroupVersion: networkingv1.SchemeGroupVersion, Resource: "ingresses",
		AddToScheme: networkingv1.AddToScheme,
		New:         func() Object { return &networkingv1.Ingress{} },
		Trim:        trims(func(i *networkingv1.Ingress) { trimMeta(&i.ObjectMeta) }),
		Equal: equals(func(a, b *networkingv1.Ingress) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims: Claims{All: true},
		Status: statusCodec[*networkingv1.Ingress, networkingv1.IngressStatus]{
			next: nextIngressStatus, fields: ingressFields, object: ingressWith, events: true,
		}.status(),
		Manifest: &Manifest{Complete: completes(func(i *networkingv1.Ingress) ([]Problem, bool) { return missingPathTypes(i), true })},
	}
}

func nextIngressStatus(want *networkingv1.IngressStatus, o *networkingv1.Ingress, _ time.Time) *networkingv1.IngressStatus {
	if apiequality.Semantic.DeepEqual(*want, o.Status) {
		return nil
	}
	return want
}

func ingressWith(meta metav1.ObjectMeta, s *networkingv1.IngressStatus) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: meta, Status: *s}
}

func ingressFields(s *networkingv1.IngressStatus) any {
	return struct {
		LoadBalancer addresses[networkingv1.IngressLoadBalancerIngress] `json:"loadBalancer"`
	}{addresses[networkingv1.IngressLoadBalancerIngress]{s.LoadBalancer.Ingress}}
}

// missingPathTypes reports paths without the type that an API server requires.
func missingPathTypes(ing *networkingv1.Ingress) []Problem {
	var problems []Problem
	for i, r := range ing.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for j := range r.HTTP.Paths {
			if r.HTTP.Paths[j].PathType == nil {
				field := fmt.Sprintf("spec.rules[%d].http.paths[%d].pathType", i, j)
				problems = append(problems, Problem{field, "The field is required; ImplementationSpecific is assumed."})
			}
		}
	}
	return problems
}
