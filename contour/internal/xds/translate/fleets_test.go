package translate

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/xds/table"
)

// other returns a listener of another fleet.
func other(name string, p ir.ListenerProtocol) ir.Listener {
	return ir.Listener{
		Key: ir.ListenerKey{Fleet: "other", Name: name}, Socket: name, Addresses: []string{"10.0.0.1", "::1"}, Port: 7000, Protocol: p,
		RouteTableHosts: 3,
	}
}

// at returns the host on another listener.
func at(l ir.Listener, v *ir.VirtualHost) *ir.VirtualHost {
	moved := *v
	moved.Key.Listener = l.Key
	return &moved
}

// everything returns all resources of both fleets, by fleet and name.
func (fx *fixture) everything() map[ir.Fleet]map[table.Ref]*table.Resource {
	out := map[ir.Fleet]map[table.Ref]*table.Resource{ir.DefaultFleet: {}, "other": {}}
	for f, rs := range fx.tables.All(ir.DefaultFleet, "other") {
		for _, r := range rs {
			out[f][r.Ref] = r
		}
	}
	return out
}

// After any edits of any fleet, the sum of all changes equals all resources, and those of a build from scratch. No change
// sets an equal resource or removes a missing one.
func TestSumOfChangesOfFleets(t *testing.T) {
	r := newRandom(randomtest.Seed(t))
	fx := newFixture(tables(3))
	published := map[ir.Fleet]map[table.Ref]*table.Resource{ir.DefaultFleet: {}, "other": {}}
	listeners := []ir.Listener{other("web", ir.ListenHTTP), other("secure", ir.ListenHTTPS), other("raw", ir.ListenTCP)}
	for step := range 400 {
		randomEdit(fx, r, listeners)
		if step%5 != 0 {
			continue
		}
		fx.update()
		for f, c := range fx.tables.Changes() {
			for _, res := range c.Set {
				if equalResource(published[f][res.Ref], res) {
					t.Fatalf("fleet %s: %s is set although it is equal", f, res.Ref)
				}
				published[f][res.Ref] = res
			}
			for _, ref := range c.Removed {
				if published[f][ref] == nil {
					t.Fatalf("fleet %s: %s is removed although it does not exist", f, ref)
				}
				delete(published[f], ref)
			}
		}
		scratch := newFixture(tables(3))
		fx.hosts.Each(func(k ir.HostKey, v *ir.VirtualHost) bool { scratch.hosts.Set(k, v); return true })
		fx.listeners.Each(func(k ir.ListenerKey, l *ir.Listener) bool { scratch.listeners.Set(k, l); return true })
		for _, a := range r.texts {
			for _, b := range r.texts {
				n := r.name()
				n.Namespace, n.Name = a, b
				if p, ok := fx.secrets.Peek(n); ok {
					scratch.secrets.Set(n, p)
				}
			}
		}
		scratch.update()
		got, want := fx.everything(), scratch.everything()
		for f := range want {
			if !maps.EqualFunc(want[f], got[f], equalResource) || !maps.EqualFunc(got[f], published[f], equalResource) {
				t.Fatalf("fleet %s after %d edits: from scratch %v, incremental %v, published %v", f, step,
					slices.Sorted(names(want[f])), slices.Sorted(names(got[f])), slices.Sorted(names(published[f])))
			}
		}
		if len(fx.faults)+len(scratch.faults) > 0 {
			t.Fatalf("faults: %v %v", fx.faults, scratch.faults)
		}
	}
}

func names(of map[table.Ref]*table.Resource) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for ref := range of {
			if !yield(ref.String()) {
				return
			}
		}
	}
}

// update is run without counting.
func (fx *fixture) update() {
	fx.engine.Run()
	fx.reshard()
}

// randomEdit changes a host, a Secret or a listener.
func randomEdit(fx *fixture, r random, listeners []ir.Listener) {
	v := r.host()
	switch secure := v.TLS != nil; {
	case r.flip():
	case secure:
		v = at(listeners[1], v)
	default:
		v = at(listeners[0], v)
	}
	if r.IntN(8) == 0 {
		v = at(listeners[2], httpHost(""))
		v.TCP = &ir.TCPProxy{Backends: r.backends()}
	}
	if r.IntN(3) == 0 {
		fx.hosts.Delete(v.Key)
	} else {
		fx.set(v)
	}
	fx.secrets.Set(r.name(), pair{chain: r.text(), key: []string{"", "key"}[r.IntN(2)]})
	if l := listeners[r.IntN(len(listeners))]; r.IntN(4) == 0 {
		fx.listeners.Delete(l.Key)
	} else {
		l.Port += uint32(r.IntN(2))
		fx.listeners.Set(l.Key, &l)
	}
}

// After the removal of a fleet, no table contains an entry of it.
func TestRemovedFleetLeavesNoEntries(t *testing.T) {
	fx := newFixture()
	web, secure := other("web", ir.ListenHTTP), other("secure", ir.ListenHTTPS)
	fx.set(httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}))
	fx.run()
	entries := fx.entries()
	fx.listeners.Set(web.Key, &web)
	fx.listeners.Set(secure.Key, &secure)
	for i := range 20 {
		v := ir.Route{Match: prefix("/"), Forward: to(fmt.Sprintf("s%d", i))}
		fx.set(at(web, httpHost(fmt.Sprintf("h%d.example.com", i), v)), at(secure, httpsHost(fmt.Sprintf("h%d.example.com", i), v)))
	}
	fx.run()
	if n := fx.tables.Shards(web.Key); n < 2 {
		t.Errorf("%d shards", n)
	}
	for i := range 20 {
		for _, l := range []ir.Listener{web, secure} {
			fx.hosts.Delete(at(l, httpHost(fmt.Sprintf("h%d.example.com", i))).Key)
		}
	}
	fx.listeners.Delete(web.Key)
	fx.listeners.Delete(secure.Key)
	fx.run()
	fx.run()
	if diff := cmp.Diff(entries, fx.entries()); diff != "" {
		t.Errorf("entries (-before +after):\n%s", diff)
	}
	rt := &fx.tables.routes
	if len(rt.listeners) != 1 || len(rt.sizes) != 1 || len(rt.shardings) != 1 || rt.shards.Len() != 0 {
		t.Errorf("state of sharding: %v, %v, %v, %d", rt.listeners, rt.sizes, rt.shardings, rt.shards.Len())
	}
}

// entries returns the number of entries of each table.
func (fx *fixture) entries() map[string]int {
	entries := map[string]int{}
	for _, s := range fx.engine.Stats() {
		entries[s.Table] = s.Entries
	}
	return entries
}

// TLS listeners that share a socket are one listener in Envoy, and each keeps its own settings.
func TestListenersShareASocket(t *testing.T) {
	fx := newFixture()
	a, b := other("a", ir.ListenHTTPS), other("b", ir.ListenTLS)
	a.Socket, b.Socket = "443", "443"
	a.TLS.Min, b.Client.AccessLog.Path = ir.TLS13, "/dev/stdout"
	fx.listeners.Set(a.Key, &a)
	fx.listeners.Set(b.Key, &b)
	fx.set(
		at(a, httpsHost("both.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})),
		at(a, httpsHost("*.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})),
		at(b, passthrough("both.example.com", ir.Backend{Cluster: service("s"), Weight: 1})),
		at(b, passthrough("raw.example.com", ir.Backend{Cluster: service("s"), Weight: 1})),
	)
	fx.run()
	chains := func() (names []string) {
		for _, r := range fx.tables.All("other")["other"] {
			if l, ok := decode(t, r).(*listenerv3.Listener); ok && l.GetName() == "443" {
				checkValid(t, r)
				for _, c := range l.GetFilterChains() {
					names = append(names, c.GetName()+" "+c.GetFilters()[0].GetName()[len("envoy.filters.network."):])
				}
			}
		}
		return names
	}
	want := []string{"*.example.com http_connection_manager", "a/app/cert http_connection_manager", "raw.example.com tcp_proxy"}
	if diff := cmp.Diff(want, chains()); diff != "" {
		t.Errorf("filter chains (-want +got):\n%s", diff)
	}
	fx.listeners.Delete(a.Key)
	fx.run()
	if diff := cmp.Diff([]string{"both.example.com tcp_proxy", "raw.example.com tcp_proxy"}, chains()); diff != "" {
		t.Errorf("filter chains without the first listener (-want +got):\n%s", diff)
	}
}

// After many uses have begun or ended at once, their map is replaced: clearing it would take as long each time.
func TestALargeMapOfUsesIsReplaced(t *testing.T) {
	for uses, replaced := range map[int]bool{maxReused: false, maxReused + 1: true} {
		s := share(newFixture().tables, "test", strconv.Itoa, func(*memo.Reader, int) *table.Resource { return nil })
		for i := range uses {
			s.count(use[int]{ir.DefaultFleet, i}, true)
		}
		before := reflect.ValueOf(s.before).Pointer()
		s.changes(func(ir.Fleet, *table.Resource, *table.Resource) {})
		if after := reflect.ValueOf(s.before).Pointer(); (after != before) != replaced || len(s.before) != 0 {
			t.Errorf("after %d uses the map is replaced: %t, with %d uses left", uses, after != before, len(s.before))
		}
	}
}
