// Package status derives the desired status of every HTTPProxy and Ingress of the controller's classes: for an
// HTTPProxy the condition Valid with its errors and warnings, for both kinds the addresses of Envoy.
//
// Its input is the diagnostics of compile, the rejections of Envoys, the configuration and the Envoy Service; its
// output is one Desired for each object. Desired values are compared by value, so that the status writer handles only
// changes. The package has no client and no clock: the status writer sets transition times.
package status

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/compile/class"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Desired is the status that an object should have. It is immutable and shares memory with others.
type Desired struct {
	Key        kobj.Key
	Generation int64 // of the object from which it is derived

	// Status is a pointer to the status type of the kind (kind.Status). Transition times are zero.
	Status any

	// Diagnostics contains all diagnostics of the object, sorted; Status contains a limited number of them.
	Diagnostics []report.Diagnostic
}

// HTTPProxy returns the status of an HTTPProxy; nil for another kind.
func (d *Desired) HTTPProxy() *contourv1.HTTPProxyStatus {
	s, _ := d.Status.(*contourv1.HTTPProxyStatus)
	return s
}

// Status contains the tables from reports to statuses.
type Status struct {
	// Desired has an entry for every HTTPProxy and Ingress; nil if the object belongs to another controller.
	Desired *memo.Table[kobj.Key, *Desired]
	// Rejected contains the diagnostics of rejections by Envoys, by the object that reports them.
	Rejected *memo.Input[kobj.Key, []report.Diagnostic]

	store     *store.Store
	kinds     map[kobj.Kind]func(*memo.Reader, kobj.Key) *Desired
	objects   *memo.Table[kobj.Key, compile.Object]
	addresses *memo.Table[struct{}, []corev1.LoadBalancerIngress]
	// valid contains the status of an HTTPProxy without diagnostics, by generation. Most HTTPProxies share it.
	valid *memo.Table[int64, *contourv1.HTTPProxyStatus]
}

// New adds the tables to the engine of the store; objects are the diagnostics of compile, by object.
func New(e *memo.Engine, s *store.Store, objects *memo.Table[kobj.Key, compile.Object]) *Status {
	t := &Status{store: s, objects: objects}
	t.kinds = map[kobj.Kind]func(*memo.Reader, kobj.Key) *Desired{kobj.HTTPProxy: t.deriveProxy, kobj.Ingress: t.deriveIngress}
	t.Rejected = memo.NewInput[kobj.Key](e, "status/rejected", slices.Equal[[]report.Diagnostic])
	t.addresses = memo.NewTable(e, memo.Options[struct{}, []corev1.LoadBalancerIngress]{
		Name: "status/addresses", Derive: t.deriveAddresses, Equal: equalValue[[]corev1.LoadBalancerIngress],
	})
	t.valid = memo.NewTable(e, memo.Options[int64, *contourv1.HTTPProxyStatus]{
		Name: "status/valid", Equal: equalValue[*contourv1.HTTPProxyStatus],
		Derive: func(r *memo.Reader, generation int64) *contourv1.HTTPProxyStatus {
			return proxyStatus(generation, nil, t.addresses.Get(r, struct{}{}))
		},
	})
	t.Desired = memo.NewTable(e, memo.Options[kobj.Key, *Desired]{
		Name: "status/desired", Derive: t.derive, Equal: equalValue[*Desired],
	})
	memo.ReadAtOwnKey(t.Rejected, t.Desired)
	store.DemandReported(s, t.Desired)
	return t
}

func (t *Status) derive(r *memo.Reader, k kobj.Key) *Desired {
	if derive := t.kinds[k.Kind]; derive != nil {
		return derive(r, k)
	}
	return nil
}

func (t *Status) deriveProxy(r *memo.Reader, k kobj.Key) *Desired {
	p, ok := t.store.HTTPProxies.Get(r, k.Name)
	if !ok || !class.Matches(p.Annotations, p.Spec.IngressClassName, t.store.Settings.Objects.Get(r).IngressClassNames) {
		return nil
	}
	d := &Desired{Key: k, Generation: p.Generation, Diagnostics: t.diagnostics(r, k)}
	if len(d.Diagnostics) == 0 {
		d.Status = t.valid.Get(r, p.Generation)
	} else {
		d.Status = proxyStatus(p.Generation, d.Diagnostics, t.addresses.Get(r, struct{}{}))
	}
	return d
}

func (t *Status) deriveIngress(r *memo.Reader, k kobj.Key) *Desired {
	i, ok := t.store.Ingresses.Get(r, k.Name)
	if !ok || !class.Matches(i.Annotations, ingressClass(i), t.store.Settings.Objects.Get(r).IngressClassNames) {
		return nil
	}
	return &Desired{
		Key: k, Generation: i.Generation, Diagnostics: t.diagnostics(r, k),
		Status: &networkingv1.IngressStatus{LoadBalancer: ingressAddresses(t.addresses.Get(r, struct{}{}))},
	}
}

func ingressClass(i *networkingv1.Ingress) string {
	if i.Spec.IngressClassName == nil {
		return ""
	}
	return *i.Spec.IngressClassName
}

// diagnostics returns the diagnostics of an object from compile and from Envoy.
func (t *Status) diagnostics(r *memo.Reader, k kobj.Key) []report.Diagnostic {
	compiled := t.objects.Get(r, k)
	all := report.Report{Diagnostics: slices.Clone(compiled.Diagnostics)}
	if rejected, ok := t.Rejected.Get(r, k); ok {
		all.Add(rejected...)
	}
	if !compiled.Visited && k.Kind == kobj.HTTPProxy {
		all.Add(orphaned(k))
	}
	all.Seal()
	return all.Diagnostics
}

func orphaned(k kobj.Key) report.Diagnostic {
	return report.Diagnostic{
		Object: k, Type: report.TypeOrphaned, Reason: report.Orphaned,
		Message: "No root HTTPProxy includes this HTTPProxy, directly or through others.",
	}
}

func equalValue[V any](a, b V) bool { return reflect.DeepEqual(a, b) }
