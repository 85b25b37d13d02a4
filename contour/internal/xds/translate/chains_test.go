package translate

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// A chain of a listener is derived by itself: neither the other chains nor the hosts that they have run again, and the change is charged
// to the namespace of its object.
func TestAChainIsDerivedByItself(t *testing.T) {
	t.Parallel()
	fx := newFixture()
	l := ir.Listener{
		Key: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "infra_web_8443-tls"}, Socket: "infra_web_8443", Addresses: []string{"127.0.0.1"}, Port: 8443,
		Protocol: ir.ListenTLS, ByChain: true, Origins: []kobj.Key{kobj.Of(kobj.Gateway, "infra", "web")},
	}
	fx.listeners.Set(l.Key, &l)
	set := func(namespace, name string) {
		c := &ir.Chain{Key: ir.ChainKey{Listener: l.Key, ServerName: name}, Passthrough: true, Origins: []kobj.Key{kobj.Of(kobj.Gateway, namespace, "web")}}
		fx.chains.Set(c.Key, c)
		fx.set(&ir.VirtualHost{
			Key: ir.HostKey{Listener: l.Key, Hostname: name}, Chain: name, TCP: &ir.TCPProxy{}, Origins: []kobj.Key{kobj.Of(kobj.TLSRoute, namespace, name)},
		})
	}
	const n = 100
	for i := range n {
		set("a", fmt.Sprintf("h%d.example.com", i))
	}
	fx.run()
	fx.tables.ListenerUpdates()
	set("b", "added.example.com")
	runs, _ := fx.run()
	for table, count := range runs {
		if count > 1 {
			t.Errorf("%s: %d derivations", table, count)
		}
	}
	if runs["translate/filter chains of listeners"] != 1 || runs["translate/filter chains"] != 1 || runs["translate/listeners"] != 1 {
		t.Errorf("derivations: %v", runs)
	}
	want := []ListenerUpdate{{Chains: n + 1, Namespaces: []string{"b"}}, {Chains: n + 1, Namespaces: []string{"b"}}}
	if d := cmp.Diff(want, fx.tables.ListenerUpdates()); d != "" {
		t.Errorf("an added chain with a host (-want +got):\n%s", d)
	}
}
