// Package status derives the desired status of every object of the controller's classes whose kind has a status. The API
// of the kind defines what the status contains (compile.Status).
//
// Its input is the diagnostics of compile, the rejections of Envoys, the configuration and the Envoy Service; its
// output is one Desired for each object. Desired values are compared by value, so that the status writer handles only
// changes. The package has no client and no clock: the status writer sets transition times.
package status

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"

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

	// Root is set for an HTTPProxy with a virtual host, and Host is that.
	Root bool
	Host string
}

// HTTPProxy returns the status of an HTTPProxy; nil for another kind.
func (d *Desired) HTTPProxy() *contourv1.HTTPProxyStatus {
	s, _ := d.Status.(*contourv1.HTTPProxyStatus)
	return s
}

// Status contains the tables from reports to statuses.
type Status struct {
	// Desired has an entry for every object of a kind with a status; nil if the object belongs to another controller.
	Desired *memo.Table[kobj.Key, *Desired]
	// Rejected contains the diagnostics of rejections by Envoys, by the object that reports them.
	Rejected *memo.Input[kobj.Key, []report.Diagnostic]

	store     *store.Store
	api       func(kobj.Kind) (compile.API, bool)
	objects   *memo.Table[kobj.Key, compile.Object]
	addresses *memo.Table[struct{}, []corev1.LoadBalancerIngress]
	// valid contains the status of objects without diagnostics. Most objects share it.
	valid *memo.Table[version, any]
}

// version is a kind and a generation of objects.
type version struct {
	kind       kobj.Kind
	generation int64
}

// New adds the tables to the engine of the store; api returns the API of a kind, and objects are the diagnostics of
// compile, by object.
func New(e *memo.Engine, s *store.Store, api func(kobj.Kind) (compile.API, bool), objects *memo.Table[kobj.Key, compile.Object]) *Status {
	t := &Status{store: s, api: api, objects: objects}
	t.Rejected = memo.NewInput[kobj.Key](e, "status/rejected", slices.Equal[[]report.Diagnostic])
	t.addresses = memo.NewTable(e, memo.Options[struct{}, []corev1.LoadBalancerIngress]{
		Name: "status/addresses", Derive: t.deriveAddresses, Equal: equalValue[[]corev1.LoadBalancerIngress],
	})
	t.valid = memo.NewTable(e, memo.Options[version, any]{Name: "status/valid", Derive: t.deriveValid, Equal: equalValue[any]})
	t.Desired = memo.NewTable(e, memo.Options[kobj.Key, *Desired]{
		Name: "status/desired", Derive: t.derive, Equal: equalValue[*Desired],
	})
	memo.ReadAtOwnKey(t.Rejected, t.Desired)
	store.ReadEverywhere(s.Settings.Objects, t.Desired)
	store.DemandReported(s, t.Desired)
	return t
}

// derive returns the status of an object; nil if it does not exist or belongs to another controller.
func (t *Status) derive(r *memo.Reader, k kobj.Key) *Desired {
	api, ok := t.api(k.Kind)
	if !ok || api.Status == nil {
		return nil
	}
	o, ok := t.store.Get(r, k)
	if !ok || api.Status.Class != nil && !class.Matches(o.GetAnnotations(), api.Status.Class(o), t.store.Settings.Objects.Get(r).IngressClassNames) {
		return nil
	}
	d := &Desired{Key: k, Generation: o.GetGeneration(), Diagnostics: t.diagnostics(r, k, api.Status)}
	if api.Status.From != nil {
		if d.Status = api.Status.From(r, o, d.Diagnostics); d.Status == nil {
			return nil
		}
		return d
	}
	if p, ok := o.(*contourv1.HTTPProxy); ok && p.Spec.VirtualHost != nil {
		d.Root, d.Host = true, p.Spec.VirtualHost.Fqdn
	}
	if len(d.Diagnostics) == 0 {
		d.Status = t.valid.Get(r, version{k.Kind, d.Generation})
	} else {
		d.Status = api.Status.Of(d.Generation, d.Diagnostics, t.addresses.Get(r, struct{}{}))
	}
	return d
}

// deriveValid returns the status of the objects of a kind and generation without diagnostics.
func (t *Status) deriveValid(r *memo.Reader, v version) any {
	if api, ok := t.api(v.kind); ok && api.Status != nil {
		return api.Status.Of(v.generation, nil, t.addresses.Get(r, struct{}{}))
	}
	return nil
}

// diagnostics returns the diagnostics of an object from compile and from Envoy.
func (t *Status) diagnostics(r *memo.Reader, k kobj.Key, of *compile.Status) []report.Diagnostic {
	compiled := t.objects.Get(r, k)
	all := report.Report{Diagnostics: slices.Clone(compiled.Diagnostics)}
	if rejected, ok := t.Rejected.Get(r, k); ok {
		all.Add(rejected...)
	}
	if !compiled.Visited && of.Orphaned != nil {
		all.Add(of.Orphaned(k))
	}
	all.Seal()
	return all.Diagnostics
}

func equalValue[V any](a, b V) bool { return reflect.DeepEqual(a, b) }
