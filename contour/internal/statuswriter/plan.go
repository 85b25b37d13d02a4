package statuswriter

import (
	"encoding/json"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/status"
)

// patch is a JSON merge patch of a status. It names the version of the object that it was made for, so that the
// API server refuses it if somebody else was faster; an empty list is null, which takes the field away.
type patch[S any] struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Status S `json:"status"`
}

type addresses[A any] struct {
	Ingress []A `json:"ingress"`
}

type proxyFields struct {
	CurrentStatus string                                `json:"currentStatus"`
	Description   string                                `json:"description"`
	LoadBalancer  addresses[corev1.LoadBalancerIngress] `json:"loadBalancer"`
	Conditions    []contourv1.DetailedCondition         `json:"conditions"`
}

type ingressFields struct {
	LoadBalancer addresses[networkingv1.IngressLoadBalancerIngress] `json:"loadBalancer"`
}

// plan is the patch that gives an object its desired status, nil if it has it.
func plan(d *status.Desired, object metav1.Object, now time.Time) []byte {
	switch o := object.(type) {
	case *contourv1.HTTPProxy:
		if d.HTTPProxy != nil {
			return planProxy(d.HTTPProxy, o, now)
		}
	case *networkingv1.Ingress:
		if d.Ingress != nil {
			return planIngress(d.Ingress, o)
		}
	}
	return nil
}

func planProxy(want *contourv1.HTTPProxyStatus, p *contourv1.HTTPProxy, now time.Time) []byte {
	next := *want
	next.Conditions = mergeConditions(want.Conditions, p.Status.Conditions, now)
	if apiequality.Semantic.DeepEqual(next, p.Status) {
		return nil
	}
	return encode(p.ResourceVersion, proxyFields{
		CurrentStatus: next.CurrentStatus, Description: next.Description, Conditions: next.Conditions,
		LoadBalancer: addresses[corev1.LoadBalancerIngress]{next.LoadBalancer.Ingress},
	})
}

func planIngress(want *networkingv1.IngressStatus, i *networkingv1.Ingress) []byte {
	if apiequality.Semantic.DeepEqual(*want, i.Status) {
		return nil
	}
	return encode(i.ResourceVersion, ingressFields{addresses[networkingv1.IngressLoadBalancerIngress]{want.LoadBalancer.Ingress}})
}

// mergeConditions puts the conditions wanted among those present, in place of those of the same type, and keeps
// all others. The time of transition is kept while the status of the condition stays the same.
func mergeConditions(want, present []contourv1.DetailedCondition, now time.Time) []contourv1.DetailedCondition {
	merged := slices.Clone(present)
	for _, c := range want {
		c.LastTransitionTime = metav1.NewTime(now)
		i := slices.IndexFunc(merged, func(m contourv1.DetailedCondition) bool { return m.Type == c.Type })
		if i < 0 {
			merged = append(merged, c)
			continue
		}
		if was := merged[i]; was.Status == c.Status && !was.LastTransitionTime.IsZero() {
			c.LastTransitionTime = was.LastTransitionTime
		}
		merged[i] = c
	}
	return merged
}

// encode cannot fail: the fields are plain data, and their strings valid UTF-8.
func encode[S any](resourceVersion string, fields S) []byte {
	p := patch[S]{Status: fields}
	p.Metadata.ResourceVersion = resourceVersion
	data, _ := json.Marshal(p)
	return data
}
