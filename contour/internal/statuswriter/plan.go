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

// next is a status to write. One of proxy and ingress is set.
type next struct {
	desired *status.Desired
	object  metav1.Object // that it is written for
	proxy   *contourv1.HTTPProxyStatus
	ingress *networkingv1.IngressStatus
}

// plan is what gives an object its desired status, nil if it has it.
func plan(d *status.Desired, object metav1.Object, now time.Time) *next {
	switch o := object.(type) {
	case *contourv1.HTTPProxy:
		if d.HTTPProxy != nil && !proxyHas(d.HTTPProxy, &o.Status) {
			s := *d.HTTPProxy
			s.Conditions = mergeConditions(s.Conditions, o.Status.Conditions, now)
			return &next{desired: d, object: o, proxy: &s}
		}
	case *networkingv1.Ingress:
		if d.Ingress != nil && !apiequality.Semantic.DeepEqual(*d.Ingress, o.Status) {
			return &next{desired: d, object: o, ingress: d.Ingress}
		}
	}
	return nil
}

// proxyHas reports whether a status has all that is wanted; it may have more conditions.
func proxyHas(want, has *contourv1.HTTPProxyStatus) bool {
	return want.CurrentStatus == has.CurrentStatus && want.Description == has.Description &&
		!slices.ContainsFunc(want.Conditions, func(c contourv1.DetailedCondition) bool { return !hasCondition(has.Conditions, &c) }) &&
		apiequality.Semantic.DeepEqual(want.LoadBalancer.Ingress, has.LoadBalancer.Ingress)
}

func hasCondition(has []contourv1.DetailedCondition, want *contourv1.DetailedCondition) bool {
	i := indexOf(has, want.Type)
	if i < 0 {
		return false
	}
	h := &has[i]
	return h.Status == want.Status && h.ObservedGeneration == want.ObservedGeneration && !h.LastTransitionTime.IsZero() &&
		h.Reason == want.Reason && h.Message == want.Message &&
		slices.Equal(h.Errors, want.Errors) && slices.Equal(h.Warnings, want.Warnings)
}

func indexOf(conditions []contourv1.DetailedCondition, conditionType string) int {
	for i := range conditions {
		if conditions[i].Type == conditionType {
			return i
		}
	}
	return -1
}

// mergeConditions puts the conditions wanted among those present, in place of those of the same type, and keeps
// all others. The time of transition is kept while the status of the condition stays the same.
func mergeConditions(want, present []contourv1.DetailedCondition, now time.Time) []contourv1.DetailedCondition {
	merged := slices.Clone(present)
	for _, c := range want {
		c.LastTransitionTime = metav1.NewTime(now)
		i := indexOf(merged, c.Type)
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

// patch is a JSON merge patch of a status. It names the version of the object that it was made for, so that the
// API server refuses it if somebody else was faster; an empty list is null, which takes the field away.
//
// To replace the status of a custom resource by a PUT of name, version and status costs the API server a tenth less,
// but mutating webhooks would see an object without a spec, and fields of a newer status would be lost.
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

// patch is what to send.
func (n *next) patch() []byte {
	if n.proxy != nil {
		return encode(n.object, proxyFields{
			CurrentStatus: n.proxy.CurrentStatus, Description: n.proxy.Description, Conditions: n.proxy.Conditions,
			LoadBalancer: addresses[corev1.LoadBalancerIngress]{n.proxy.LoadBalancer.Ingress},
		})
	}
	return encode(n.object, ingressFields{addresses[networkingv1.IngressLoadBalancerIngress]{n.ingress.LoadBalancer.Ingress}})
}

// encode cannot fail: the fields are plain data, and their strings valid UTF-8.
func encode[S any](o metav1.Object, fields S) []byte {
	p := patch[S]{Status: fields}
	p.Metadata.ResourceVersion = o.GetResourceVersion()
	data, _ := json.Marshal(p)
	return data
}

// result is what a plan looks at of the object that was written.
func (n *next) result(v Version) metav1.Object {
	meta := metav1.ObjectMeta{
		Namespace: n.object.GetNamespace(), Name: n.object.GetName(), UID: n.object.GetUID(),
		ResourceVersion: v.ResourceVersion, Generation: v.Generation,
	}
	if n.proxy != nil {
		return &contourv1.HTTPProxy{ObjectMeta: meta, Status: *n.proxy}
	}
	return &networkingv1.Ingress{ObjectMeta: meta, Status: *n.ingress}
}
