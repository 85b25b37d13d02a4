package kind

import (
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:groups=projectcontour.io,resources=httpproxies,verbs=list;watch
// +kubebuilder:rbac:groups=projectcontour.io,resources=httpproxies/status,verbs=patch

func httpProxy() Descriptor {
	return Descriptor{
		Kind: kobj.HTTPProxy, GroupVersion: contourv1.GroupVersion, Resource: "httpproxies",
		AddToScheme: contourv1.AddToScheme,
		New:         func() Object { return &contourv1.HTTPProxy{} },
		Trim:        trims(func(p *contourv1.HTTPProxy) { trimMeta(&p.ObjectMeta) }),
		NewShare:    func() func(metav1.Object) { return new(shared).replace },
		Equal: equals(func(a, b *contourv1.HTTPProxy) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims:   Claims{If: predicate(func(p *contourv1.HTTPProxy) bool { return p.Spec.VirtualHost != nil })},
		Status:   statusCodec[*contourv1.HTTPProxy, contourv1.HTTPProxyStatus]{next: nextProxyStatus, fields: proxyFields, object: proxyWith}.status(),
		Manifest: &Manifest{Defaults: proxyDefaults()},
	}
}

// proxyDefaults returns the defaults of the spec in the CRD.
func proxyDefaults() []Default {
	const matches = "rateLimitPolicy.global.descriptors[].entries[].requestHeaderValueMatch"
	return []Default{
		{"spec.routes[].internalRedirectPolicy", "allowCrossSchemeRedirect", "Never"},
		{"spec.routes[]." + matches, "expectMatch", true},
		{"spec.routes[].requestRedirectPolicy", "statusCode", 302},
		{"spec.routes[].retryPolicy", "count", 1},
		{"spec.routes[].services[].slowStartPolicy", "aggression", "1.0"},
		{"spec.routes[].services[].slowStartPolicy", "minWeightPercent", 10},
		{"spec.tcpproxy.services[].slowStartPolicy", "aggression", "1.0"},
		{"spec.tcpproxy.services[].slowStartPolicy", "minWeightPercent", 10},
		{"spec.virtualhost.authorization", "serviceType", "grpc"},
		{"spec.virtualhost.authorization.withRequestBody", "maxRequestBytes", 1024},
		{"spec.virtualhost." + matches, "expectMatch", true},
	}
}

func proxyWith(meta metav1.ObjectMeta, s *contourv1.HTTPProxyStatus) *contourv1.HTTPProxy {
	return &contourv1.HTTPProxy{ObjectMeta: meta, Status: *s}
}

func nextProxyStatus(want *contourv1.HTTPProxyStatus, o *contourv1.HTTPProxy, now time.Time) *contourv1.HTTPProxyStatus {
	if hasProxyStatus(&o.Status, want) {
		return nil
	}
	s := *want
	s.Conditions = mergeConditions(s.Conditions, o.Status.Conditions, now)
	return &s
}

// hasProxyStatus reports whether a status contains the wanted one; it may have further conditions.
func hasProxyStatus(has, want *contourv1.HTTPProxyStatus) bool {
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

// mergeConditions adds the wanted conditions to those present, in place of those of the same type. A condition whose
// status does not change keeps its transition time.
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

func proxyFields(s *contourv1.HTTPProxyStatus) any {
	return struct {
		CurrentStatus string                                `json:"currentStatus"`
		Description   string                                `json:"description"`
		LoadBalancer  addresses[corev1.LoadBalancerIngress] `json:"loadBalancer"`
		Conditions    []contourv1.DetailedCondition         `json:"conditions"`
	}{
		CurrentStatus: s.CurrentStatus, Description: s.Description, Conditions: s.Conditions,
		LoadBalancer: addresses[corev1.LoadBalancerIngress]{s.LoadBalancer.Ingress},
	}
}
