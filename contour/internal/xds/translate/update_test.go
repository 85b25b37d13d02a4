package translate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

func hostOf(namespace, name string) *ir.VirtualHost {
	v := tlsHost(name)
	v.Origins = []kobj.Key{kobj.Of(kobj.HTTPProxy, namespace, name)}
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
