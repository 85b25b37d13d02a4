// Package status says which status every object of ours ought to have: for an
// HTTPProxy the condition Valid with its errors and warnings, for both kinds the
// addresses at which Envoy can be reached.
//
// In go what compile says about each object, what Envoys have refused, the
// configuration and the Envoy Service; out comes one Desired per object, compared by
// value, so that only a change of it is worth a look at the API server. The package
// has no client and no clock: times of transition are the writer's business.
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

// Desired is the status that an object ought to have. It is never changed once made, and shares memory with others.
type Desired struct {
	Key        kobj.Key
	Generation int64 // of the object that was looked at

	// Status is a pointer to the status type of the kind (kind.Status). Times of transition are zero.
	Status any

	// Diagnostics is all there is to say about the object, sorted; more than its status has room for.
	Diagnostics []report.Diagnostic
}

// HTTPProxy is the status of an HTTPProxy; nil for another kind.
func (d *Desired) HTTPProxy() *contourv1.HTTPProxyStatus {
	s, _ := d.Status.(*contourv1.HTTPProxyStatus)
	return s
}

// Status is the tables from reports to statuses.
type Status struct {
	// Desired has an entry for every HTTPProxy and Ingress; nil if the object is another controller's.
	Desired *memo.Table[kobj.Key, *Desired]
	// Rejected is what Envoys have refused, by the object that it was made of.
	Rejected *memo.Input[kobj.Key, []report.Diagnostic]

	store     *store.Store
	kinds     map[kobj.Kind]func(*memo.Reader, kobj.Key) *Desired
	objects   *memo.Table[kobj.Key, compile.Object]
	addresses *memo.Table[struct{}, []corev1.LoadBalancerIngress]
	// faultless is the status of an HTTPProxy of that generation about which nothing is said: that of most.
	faultless *memo.Table[int64, *contourv1.HTTPProxyStatus]
}

// New adds the tables to the engine of the store; objects is what compile says about each object.
func New(e *memo.Engine, s *store.Store, objects *memo.Table[kobj.Key, compile.Object]) *Status {
	t := &Status{store: s, objects: objects}
	t.kinds = map[kobj.Kind]func(*memo.Reader, kobj.Key) *Desired{kobj.HTTPProxy: t.deriveProxy, kobj.Ingress: t.deriveIngress}
	t.Rejected = memo.NewInput[kobj.Key](e, "status/rejected", slices.Equal[[]report.Diagnostic])
	t.addresses = memo.NewTable(e, memo.Options[struct{}, []corev1.LoadBalancerIngress]{
		Name: "status/addresses", Derive: t.deriveAddresses, Equal: equalValue[[]corev1.LoadBalancerIngress],
	})
	t.faultless = memo.NewTable(e, memo.Options[int64, *contourv1.HTTPProxyStatus]{
		Name: "status/faultless", Equal: equalValue[*contourv1.HTTPProxyStatus],
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
		d.Status = t.faultless.Get(r, p.Generation)
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
		Status: &networkingv1.IngressStatus{LoadBalancer: forIngress(t.addresses.Get(r, struct{}{}))},
	}
}

func ingressClass(i *networkingv1.Ingress) string {
	if i.Spec.IngressClassName == nil {
		return ""
	}
	return *i.Spec.IngressClassName
}

// diagnostics is what compile and Envoy have to say about an object of ours.
func (t *Status) diagnostics(r *memo.Reader, k kobj.Key) []report.Diagnostic {
	said := t.objects.Get(r, k)
	all := report.Report{Diagnostics: slices.Clone(said.Diagnostics)}
	if rejected, ok := t.Rejected.Get(r, k); ok {
		all.Add(rejected...)
	}
	if !said.Visited && k.Kind == kobj.HTTPProxy {
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
