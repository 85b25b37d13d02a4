// Package extension compiles ExtensionServices: services that Envoy itself calls, such as an authorization service.
//
// The input is one object and, through the Reader, the Services and the Secret that it refers to. The output is the cluster
// that protections name, what may change of it in place, and the diagnostics of the object. An object with an error cannot be
// used: what it protects answers with an error.
//
// The package does not know what the service is for.
package extension

import (
	"reflect"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Extension is what a protection reads of an ExtensionService.
type Extension struct {
	Usable  bool // the object exists and has no errors
	Cluster ir.ExtensionCluster
	Timeout ir.Timeout // of a call, unless the protection has its own; zero stands for Envoy's default
}

// Table contains the ExtensionServices.
type Table struct {
	store    *store.Store
	ref      *ref.Resolver
	compiled *memo.Table[kobj.Name, compiled]
	usable   *memo.Table[kobj.Name, Extension]
	many     *memo.Table[kobj.Name, int]
}

// compiled is an ExtensionService with everything that is derived of it.
type compiled struct {
	Extension
	targets []ir.ExtensionTarget
	report  report.Report // sealed
}

// New adds the tables to the engine.
func New(e *memo.Engine, s *store.Store, r *ref.Resolver) *Table {
	t := &Table{store: s, ref: r}
	t.compiled = memo.NewTable(e, memo.Options[kobj.Name, compiled]{
		Name: "extension/compiled", Derive: t.compile, Equal: func(a, b compiled) bool { return reflect.DeepEqual(a, b) },
	})
	t.usable = memo.NewTable(e, memo.Options[kobj.Name, Extension]{
		Name: "extension/usable", Equal: func(a, b Extension) bool { return a == b },
		Derive: func(r *memo.Reader, n kobj.Name) Extension { return t.compiled.Get(r, n).Extension },
	})
	t.many = memo.NewTable(e, memo.Options[kobj.Name, int]{
		Name: "extension/many endpoints", Equal: func(a, b int) bool { return a == b }, Derive: t.countEndpoints,
	})
	return t
}

func (t *Table) countEndpoints(r *memo.Reader, n kobj.Name) (sum int) {
	for _, to := range t.Targets(r, n) {
		sum += t.ref.ManyEndpoints(r, to.Endpoints.Service)
	}
	return sum
}

// Get returns the ExtensionService of that name. It does not depend on its targets, so that an edit of these concerns no host.
func (t *Table) Get(r *memo.Reader, n kobj.Name) Extension { return t.usable.Get(r, n) }

// Targets returns the targets of an ExtensionService, none if it cannot be used.
func (t *Table) Targets(r *memo.Reader, n kobj.Name) []ir.ExtensionTarget {
	return t.compiled.Get(r, n).targets
}

// ManyEndpoints returns the number of endpoints of an ExtensionService, of which few count nothing (ref.ManyEndpoints). Most edits
// of targets do not change it, so that they concern no root.
func (t *Table) ManyEndpoints(r *memo.Reader, n kobj.Name) int { return t.many.Get(r, n) }

// Root returns the report of an ExtensionService. It contributes to no host.
func (t *Table) Root(r *memo.Reader, n kobj.Name) contrib.Root {
	return contrib.Root{Report: t.compiled.Get(r, n).report}
}

func (t *Table) compile(r *memo.Reader, n kobj.Name) compiled {
	obj, ok := t.store.ExtensionServices.Get(r, n)
	if !ok {
		return compiled{}
	}
	c := &compiler{reader: r, ref: t.ref, key: kobj.Key{Kind: kobj.ExtensionService, Name: n}, spec: &obj.Spec}
	c.report.Visit(c.key)
	out := compiled{Extension: Extension{Cluster: ir.ExtensionCluster{Object: n}}}
	c.protocol(&out.Cluster)
	c.balance(&out.Cluster)
	c.timeouts(&out.Extension)
	out.Cluster.CircuitBreakers = circuitBreakers(c.spec.CircuitBreakerPolicy)
	out.targets = c.targets()
	if out.Usable = !c.failed; !out.Usable {
		out.Extension, out.targets = Extension{}, nil
	}
	out.report = c.report.Finish(report.TypeSpec)
	return out
}

func circuitBreakers(b *contourv1alpha1.CircuitBreakers) ir.CircuitBreakers {
	if b == nil {
		return ir.CircuitBreakers{}
	}
	return ir.CircuitBreakers{
		MaxConnections: b.MaxConnections, MaxPendingRequests: b.MaxPendingRequests, MaxRequests: b.MaxRequests,
		MaxRetries: b.MaxRetries, PerHostMaxConnections: b.PerHostMaxConnections,
	}
}
