package translate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

func hostOf(namespace, name string) *ir.VirtualHost {
	v := tlsHost(name)
	v.Origins = []kobj.Key{kobj.Of(kobj.HTTPProxy, namespace, name)}
	v.TLS.Certificate.Namespace = namespace
	return v
}

// An update of a listener is one of the namespaces whose filter chains changed; a change of routes is none. With certificates
// on demand, a wildcard host that gives the hosts of others filter chains of their own is an update of its namespace only.
func TestListenerUpdates(t *testing.T) {
	t.Parallel()
	fx := newFixture(onDemand)
	fx.set(hostOf("a", "a.example.com"), hostOf("b", "b.example.com"))
	fx.engine.Run()
	fx.tables.ListenerUpdates()
	fx.set(hostOf("c", "*.example.com"))
	fx.engine.Run()
	want := []ListenerUpdate{{Chains: 3, Namespaces: []string{"c"}}}
	if d := cmp.Diff(want, fx.tables.ListenerUpdates()); d != "" {
		t.Errorf("a wildcard host (-want +got):\n%s", d)
	}
	if got := fx.tables.ListenerUpdates(); len(got) != 0 {
		t.Errorf("without a change: %v", got)
	}
	joined := hostOf("c", "*.example.com")
	joined.Origins = append(joined.Origins, kobj.Of(kobj.Ingress, "d", "more-routes"))
	fx.set(joined)
	fx.engine.Run()
	if got := fx.tables.ListenerUpdates(); len(got) != 0 {
		t.Errorf("another object of a host: %v", got)
	}
	own := hostOf("a", "a.example.com")
	own.TLS = &ir.TLS{CloseConnections: true}
	fx.set(own)
	fx.engine.Run()
	want = []ListenerUpdate{{Chains: 3, Namespaces: []string{"a"}}}
	if d := cmp.Diff(want, fx.tables.ListenerUpdates()); d != "" {
		t.Errorf("a host of a (-want +got):\n%s", d)
	}
}

// An object of another namespace that joins a host, or leaves it, is no update if it does not change what Envoy gets: its
// author must not spend the share of the owner.
func TestObjectsThatJoinAHostAreNoListenerUpdates(t *testing.T) {
	t.Parallel()
	fx := newFixture()
	fx.set(hostOf("a", "a.example.com"))
	fx.engine.Run()
	fx.tables.ListenerUpdates()
	joined := hostOf("a", "a.example.com")
	joined.Origins = append(joined.Origins, kobj.Of(kobj.Ingress, "b", "joins"))
	fx.set(joined)
	fx.engine.Run()
	if got := fx.tables.ListenerUpdates(); len(got) != 0 {
		t.Errorf("an object joins: %v", got)
	}
}

// The first host with a fallback certificate adds a filter chain to the listener, and the last one removes it: an update of
// its namespace. Others in between are none.
func TestTheFallbackChainIsAListenerUpdate(t *testing.T) {
	t.Parallel()
	fx := newFixture()
	with := func(v *ir.VirtualHost) *ir.VirtualHost {
		v.TLS.Fallback = kobj.Name{Namespace: "operator", Name: "fallback"}
		return v
	}
	without := func(v *ir.VirtualHost) *ir.VirtualHost { return v }
	fx.set(hostOf("a", "a.example.com"), hostOf("b", "b.example.com"))
	fx.engine.Run()
	fx.tables.ListenerUpdates()
	for _, step := range []struct {
		what, namespace string
		edit            func(*ir.VirtualHost) *ir.VirtualHost
		want            []ListenerUpdate
	}{
		{"the first", "a", with, []ListenerUpdate{{Chains: 2, Namespaces: []string{"a"}}}},
		{"a second", "b", with, nil},
		{"one of two ends", "a", without, nil},
		{"the last ends", "b", without, []ListenerUpdate{{Chains: 2, Namespaces: []string{"b"}}}},
	} {
		fx.set(step.edit(hostOf(step.namespace, step.namespace+".example.com")))
		fx.engine.Run()
		if d := cmp.Diff(step.want, fx.tables.ListenerUpdates()); d != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, d)
		}
	}
}

// A server name of a shared filter chain costs a tenth of a filter chain: each update contains all of them, so that those of many hosts
// are no update for nothing.
func TestServerNamesAreCharged(t *testing.T) {
	t.Parallel()
	fx := newFixture()
	for i := range 100 {
		fx.set(hostOf("a", hostname100(i)))
	}
	fx.engine.Run()
	fx.tables.ListenerUpdates()
	fx.hosts.Delete(hostKey(classic.HTTPS(), hostname100(7)))
	fx.engine.Run()
	for _, chains := range []int{1 + 9, 1 + 10} { // with 99 names, and with one more again
		want := []ListenerUpdate{{Chains: chains, Namespaces: []string{"a"}}}
		if d := cmp.Diff(want, fx.tables.ListenerUpdates()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		fx.set(hostOf("a", hostname100(7)))
		fx.engine.Run()
	}
}
