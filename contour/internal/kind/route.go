package kind

import (
	"reflect"
	"slices"
	"strconv"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=httproutes,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=httproutes/status,verbs=patch

func httpRoute() Descriptor {
	return Descriptor{
		Kind: kobj.HTTPRoute, GroupVersion: gatewayVersion(), OlderVersions: []string{"v1beta1"}, Resource: "httproutes", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.HTTPRoute{} },
		Trim:        trims(func(r *gatewayv1.HTTPRoute) { trimMeta(&r.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.HTTPRoute) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims: Claims{All: true},
		Status: routeStatus(func(r *gatewayv1.HTTPRoute) []gatewayv1.RouteParentStatus { return r.Status.Parents },
			func(meta metav1.ObjectMeta, s *RouteParents) *gatewayv1.HTTPRoute {
				return &gatewayv1.HTTPRoute{ObjectMeta: meta, Status: gatewayv1.HTTPRouteStatus{RouteStatus: gatewayv1.RouteStatus{Parents: s.Parents}}}
			}),
		Manifest: &Manifest{Defaults: httpRouteDefaults()},
	}
}

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=grpcroutes,verbs=list;watch
// +kubebuilder:rbac:roleName=contour-gateway-api,groups=gateway.networking.k8s.io,resources=grpcroutes/status,verbs=patch

func grpcRoute() Descriptor {
	return Descriptor{
		Kind: kobj.GRPCRoute, GroupVersion: gatewayVersion(), Resource: "grpcroutes", Need: GatewayAPI,
		AddToScheme: gatewayv1.Install,
		New:         func() Object { return &gatewayv1.GRPCRoute{} },
		Trim:        trims(func(r *gatewayv1.GRPCRoute) { trimMeta(&r.ObjectMeta) }),
		Equal: equals(func(a, b *gatewayv1.GRPCRoute) bool {
			return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && (sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec))
		}),
		Claims: Claims{All: true},
		Status: routeStatus(func(r *gatewayv1.GRPCRoute) []gatewayv1.RouteParentStatus { return r.Status.Parents },
			func(meta metav1.ObjectMeta, s *RouteParents) *gatewayv1.GRPCRoute {
				return &gatewayv1.GRPCRoute{ObjectMeta: meta, Status: gatewayv1.GRPCRouteStatus{RouteStatus: gatewayv1.RouteStatus{Parents: s.Parents}}}
			}),
		Manifest: &Manifest{Defaults: append(routeDefaults(), Default{"spec.rules[].matches[].method", "type", "Exact"})},
	}
}

// routeDefaults returns the defaults that the specs of all routes have in their CRDs.
func routeDefaults() []Default {
	return []Default{
		{"spec.parentRefs[]", "group", gatewayv1.GroupName},
		{"spec.parentRefs[]", "kind", "Gateway"},
		{"spec.rules[].matches[].headers[]", "type", "Exact"},
		{"spec.rules[].backendRefs[]", "group", ""},
		{"spec.rules[].backendRefs[]", "kind", "Service"},
		{"spec.rules[].backendRefs[]", "weight", 1},
		{"spec.rules[].filters[].requestMirror.backendRef", "group", ""},
		{"spec.rules[].filters[].requestMirror.backendRef", "kind", "Service"},
		{"spec.rules[].filters[].requestMirror.fraction", "denominator", 100},
		{"spec.rules[].sessionPersistence", "type", "Cookie"},
		{"spec.rules[].sessionPersistence.cookieConfig", "lifetimeType", "Session"},
	}
}

// httpRouteDefaults returns the defaults of the spec in the CRD, outer fields first.
func httpRouteDefaults() []Default {
	path := func() map[string]any { return map[string]any{"type": "PathPrefix", "value": "/"} }
	matches := func() []any { return []any{map[string]any{"path": path()}} }
	return append([]Default{
		{"spec", "rules", []any{map[string]any{"matches": matches()}}},
		{"spec.rules[]", "matches", matches()},
		{"spec.rules[].matches[]", "path", path()},
		{"spec.rules[].matches[].path", "type", "PathPrefix"},
		{"spec.rules[].matches[].path", "value", "/"},
		{"spec.rules[].matches[].queryParams[]", "type", "Exact"},
		{"spec.rules[].filters[].cors", "maxAge", 5},
		{"spec.rules[].filters[].requestRedirect", "statusCode", 302},
		{"spec.rules[].filters[].externalAuth.backendRef", "group", ""},
		{"spec.rules[].filters[].externalAuth.backendRef", "kind", "Service"},
	}, routeDefaults()...)
}

// RouteParents is the status of a route as the controller wants it: its entries of status.parents. Entries of other controllers
// are none of its business.
type RouteParents struct {
	Controller gatewayv1.GatewayController   `json:"-"`
	Parents    []gatewayv1.RouteParentStatus `json:"parents,omitempty"`
}

// maxParents is the largest number of entries in status.parents.
const maxParents = 32

// routeStatus is the Status of a kind of routes.
func routeStatus[T metav1.Object](parents func(T) []gatewayv1.RouteParentStatus, object func(metav1.ObjectMeta, *RouteParents) T) *Status {
	s := statusCodec[T, RouteParents]{
		next: func(want *RouteParents, o T, now time.Time) *RouteParents { return want.next(parents(o), now) },
		// The patch has operations instead.
		fields: func(s *RouteParents) any { return s },
		object: object,
	}.status()
	s.Operations = func(status any, o metav1.Object) []Operation {
		if t, ok := o.(T); ok {
			return replaceParents(parents(t), status.(*RouteParents).Parents)
		}
		return nil
	}
	return s
}

// next returns the entries that an object with the present ones should have: those of other controllers as they are, in place, and
// those of this controller; nil if it has them.
func (want *RouteParents) next(present []gatewayv1.RouteParentStatus, now time.Time) *RouteParents {
	return want.nextOf(present, maxParents, now)
}

// nextOf is next for a list of at most so many entries.
func (want *RouteParents) nextOf(present []gatewayv1.RouteParentStatus, most int, now time.Time) *RouteParents {
	left := slices.Clone(want.Parents)
	var out []gatewayv1.RouteParentStatus
	changed := false
	for i := range present {
		p := &present[i]
		if p.ControllerName != want.Controller {
			out = append(out, *p)
			continue
		}
		at := slices.IndexFunc(left, func(w gatewayv1.RouteParentStatus) bool {
			return apiequality.Semantic.DeepEqual(w.ParentRef, p.ParentRef)
		})
		if at < 0 {
			changed = true
			continue
		}
		entry, differs := *p, !sameConditions(p.Conditions, left[at].Conditions)
		if differs {
			entry.Conditions = timedConditions(left[at].Conditions, p.Conditions, now)
		}
		changed = changed || differs
		out, left = append(out, entry), slices.Delete(left, at, at+1)
	}
	for _, w := range left {
		if len(out) >= most {
			break
		}
		w.Conditions = timedConditions(w.Conditions, nil, now)
		out, changed = append(out, w), true
	}
	if !changed {
		return nil
	}
	return &RouteParents{Controller: want.Controller, Parents: out}
}

// replaceParents returns the operations on the present entries that result in next, which has those of others unchanged and in
// order. What is not changed is not sent, so that fields of others that this version does not know remain.
func replaceParents(present, next []gatewayv1.RouteParentStatus) []Operation {
	return replaceEntries(statusEntries{
		list:  "/status/parents",
		whole: func(next []gatewayv1.RouteParentStatus) any { return RouteParents{Parents: next} },
		entry: func(p gatewayv1.RouteParentStatus) any { return p },
	}, present, next)
}

// statusEntries is a list of entries of controllers in a status, such as that of parents.
type statusEntries struct {
	list  string                                          // its path
	whole func(entries []gatewayv1.RouteParentStatus) any // a status with these
	entry func(gatewayv1.RouteParentStatus) any
}

func replaceEntries(of statusEntries, present, next []gatewayv1.RouteParentStatus) []Operation {
	list := of.list
	if len(present) == 0 {
		return []Operation{{Op: "add", Path: "/status", Value: of.whole(next)}}
	}
	var ops []Operation
	var removed []int
	at := 0
	for i := range present {
		if at >= len(next) || present[i].ControllerName != next[at].ControllerName || !apiequality.Semantic.DeepEqual(present[i].ParentRef, next[at].ParentRef) {
			removed = append(removed, i)
			continue
		}
		if !apiequality.Semantic.DeepEqual(present[i].Conditions, next[at].Conditions) {
			ops = append(ops, Operation{Op: "replace", Path: list + "/" + strconv.Itoa(i) + "/conditions", Value: next[at].Conditions})
		}
		at++
	}
	for _, i := range slices.Backward(removed) {
		ops = append(ops, Operation{Op: "remove", Path: list + "/" + strconv.Itoa(i)})
	}
	for _, p := range next[at:] {
		ops = append(ops, Operation{Op: "add", Path: list + "/-", Value: of.entry(p)})
	}
	return ops
}
