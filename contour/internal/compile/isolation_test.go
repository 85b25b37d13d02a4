package compile_test

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// tenants is a store, and what is compiled from it, with the settings that keep tenants apart.
type tenants struct {
	engine *memo.Engine
	store  *store.Store
	*compile.Compile
}

func newTenants(t *testing.T) tenants {
	t.Helper()
	c := config.Default()
	c.Objects.NamespacesOwnHosts, c.Objects.InclusionNeedsConsent = true, true
	c.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix(stagetest.GatewayAddresses)}
	e := memo.New(func(f memo.Fault) { t.Errorf("fault in %s, key %v: %s", f.Table, f.Key, f.Reason) })
	s := store.New(e, c)
	return tenants{e, s, compile.New(e, s)}
}

func (w tenants) apply(batch []store.Change) {
	w.store.Apply(batch)
	w.Run(w.engine.Run)
}

// hosts is the virtual hosts on every listener, nil where nothing is served, by hostname and group of listeners.
func (w tenants) hosts() map[ir.HostKey]map[ir.ListenerKey]*ir.VirtualHost {
	out := map[ir.HostKey]map[ir.ListenerKey]*ir.VirtualHost{}
	w.VirtualHosts.Keys(func(k ir.HostKey) bool {
		group := k
		group.Listener.Name = k.Listener.Group()
		if out[group] == nil {
			out[group] = map[ir.ListenerKey]*ir.VirtualHost{}
		}
		if v, _ := w.VirtualHosts.Peek(k); v != nil {
			out[group][k.Listener] = v
		}
		return true
	})
	return out
}

// Whatever objects a namespace has, unless an older claim of it is in the way: the hosts of another one, and what is said about
// its objects, are those that they are without the first. Only refused inclusions are warned about.
func TestANamespaceChangesNothingOfAnother(t *testing.T) {
	t.Parallel()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay with: go test ./internal/compile -run '^%s$' -seed %d", t.Name(), s)
	pairs, err := stagetest.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	world := stagetest.NewRandom(rand.NewPCG(s, 1), pairs)
	alone, together := newTenants(t), newTenants(t)
	contested := 0
	for range 300 {
		var own, all []store.Change
		for _, c := range world.Batch(8) {
			switch {
			case c.Key.Namespace == "": // of nobody
				own, all = append(own, c), append(all, c)
			case c.Key.Namespace == "a":
				own, all = append(own, without(c, 0)), append(all, without(c, 0))
			case c.Key.Kind != kobj.TLSCertificateDelegation && c.Key.Kind != kobj.ReferenceGrant: // which would share a Secret
				all = append(all, without(c, 1))
			}
		}
		alone.apply(own)
		together.apply(all)
		contested += compareTenants(t, alone, together)
		if t.Failed() {
			return
		}
	}
	if contested == 0 {
		t.Error("the namespaces never claimed the same host")
	}
}

// without is the change of an object without its consent to inclusions, listeners and routes of others, and so many years younger. An object of
// namespace a does not depend on Gateways of others either.
func without(c store.Change, years int) store.Change {
	if c.Object == nil {
		return c
	}
	o := c.Object.(runtime.Object).DeepCopyObject().(metav1.Object)
	o.SetCreationTimestamp(metav1.NewTime(o.GetCreationTimestamp().AddDate(years, 0, 0)))
	delete(o.GetAnnotations(), ref.IncludeFrom)
	foreign := func(p gatewayv1.ParentReference) bool {
		return c.Key.Namespace == "a" && p.Namespace != nil && *p.Namespace != "a"
	}
	switch o := o.(type) {
	case *gatewayv1.Gateway:
		for i := range o.Spec.Listeners {
			o.Spec.Listeners[i].AllowedRoutes.Namespaces = nil
		}
		if o.Spec.AllowedListeners != nil {
			o.Spec.AllowedListeners.Namespaces.From = new(gatewayv1.NamespacesFromSame)
		}
	case *gatewayv1.ListenerSet:
		for i := range o.Spec.Listeners {
			if of := o.Spec.Listeners[i].AllowedRoutes; of != nil {
				of.Namespaces = nil
			}
		}
		if to := &o.Spec.ParentRef; c.Key.Namespace == "a" {
			to.Namespace = nil
		}
	case *gatewayv1.HTTPRoute:
		o.Spec.ParentRefs = slices.DeleteFunc(o.Spec.ParentRefs, foreign)
	case *gatewayv1.GRPCRoute:
		o.Spec.ParentRefs = slices.DeleteFunc(o.Spec.ParentRefs, foreign)
	case *gatewayv1.TLSRoute:
		o.Spec.ParentRefs = slices.DeleteFunc(o.Spec.ParentRefs, foreign)
	case *gatewayv1.TCPRoute:
		o.Spec.ParentRefs = slices.DeleteFunc(o.Spec.ParentRefs, foreign)
	}
	return store.Change{Key: c.Key, Object: o}
}

// compareTenants compares what namespace a gets alone and together with another one. It returns the number of diagnostics about
// lost hosts.
func compareTenants(t *testing.T, alone, together tenants) (contested int) {
	t.Helper()
	shared := together.hosts()
	for name, want := range alone.hosts() {
		if got := shared[name]; !reflect.DeepEqual(want, got) {
			t.Errorf("host %v: alone %+v, together %+v", name, want, got)
		}
	}
	said := func(w tenants, k kobj.Key) []report.Diagnostic {
		o, _ := w.Objects.Peek(k)
		return slices.DeleteFunc(slices.Clone(o.Diagnostics), func(d report.Diagnostic) bool {
			return d.Severity == report.Warning && d.Reason == report.IncludeNotPermitted
		})
	}
	together.Objects.Keys(func(k kobj.Key) bool {
		if k.Namespace != "a" {
			contested += len(slices.DeleteFunc(said(together, k), func(d report.Diagnostic) bool { return d.Reason != report.DuplicateVhost }))
			return true
		}
		if diff := cmp.Diff(said(alone, k), said(together, k), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the report about %s differs (-alone +together):\n%s", k, diff)
		}
		return true
	})
	return contested
}
