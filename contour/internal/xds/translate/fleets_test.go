package translate

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// other is a listener of another fleet.
func other(name string, p ir.ListenerProtocol) ir.Listener {
	return ir.Listener{
		Key: ir.ListenerKey{Fleet: "other", Name: name}, Socket: name, Addresses: []string{"10.0.0.1", "::1"}, Port: 7000, Protocol: p,
		RouteTableHosts: 3,
	}
}

// at is the host on another listener.
func at(l ir.Listener, v *ir.VirtualHost) *ir.VirtualHost {
	moved := *v
	moved.Key.Listener = l.Key
	return &moved
}

// everything is all resources of both fleets, by fleet and name.
func (w *world) everything() map[ir.Fleet]map[table.Ref]*table.Resource {
	out := map[ir.Fleet]map[table.Ref]*table.Resource{ir.DefaultFleet: {}, "other": {}}
	for f, rs := range w.tables.All(ir.DefaultFleet, "other") {
		for _, r := range rs {
			out[f][r.Ref] = r
		}
	}
	return out
}

// Whatever comes and goes, on whichever fleet, what changes adds up to is what there is, which is what there would be
// if it had been so from the beginning; and each change is one.
func TestChangesOfFleetsAddUp(t *testing.T) {
	r := newRandom(seeded(t))
	w := newWorld(tables(3))
	published := map[ir.Fleet]map[table.Ref]*table.Resource{ir.DefaultFleet: {}, "other": {}}
	listeners := []ir.Listener{other("web", ir.ListenHTTP), other("secure", ir.ListenHTTPS), other("raw", ir.ListenTCP)}
	for step := range 400 {
		randomEdit(w, r, listeners)
		if step%5 != 0 {
			continue
		}
		w.settle()
		for f, c := range w.tables.Changes() {
			for _, res := range c.Set {
				if equalResource(published[f][res.Ref], res) {
					t.Fatalf("fleet %s: %s is set though it is the same", f, res.Ref)
				}
				published[f][res.Ref] = res
			}
			for _, ref := range c.Removed {
				if published[f][ref] == nil {
					t.Fatalf("fleet %s: %s is removed though it is not there", f, ref)
				}
				delete(published[f], ref)
			}
		}
		scratch := newWorld(tables(3))
		w.hosts.Each(func(k ir.HostKey, v *ir.VirtualHost) bool { scratch.hosts.Set(k, v); return true })
		w.listeners.Each(func(k ir.ListenerKey, l *ir.Listener) bool { scratch.listeners.Set(k, l); return true })
		for _, a := range r.texts {
			for _, b := range r.texts {
				n := r.name()
				n.Namespace, n.Name = a, b
				if p, ok := w.secrets.Peek(n); ok {
					scratch.secrets.Set(n, p)
				}
			}
		}
		scratch.settle()
		got, want := w.everything(), scratch.everything()
		for f := range want {
			if !maps.EqualFunc(want[f], got[f], equalResource) || !maps.EqualFunc(got[f], published[f], equalResource) {
				t.Fatalf("fleet %s after %d edits: from scratch %v, incremental %v, published %v", f, step,
					slices.Sorted(names(want[f])), slices.Sorted(names(got[f])), slices.Sorted(names(published[f])))
			}
		}
		if len(w.faults)+len(scratch.faults) > 0 {
			t.Fatalf("faults: %v %v", w.faults, scratch.faults)
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

// settle is run without counting.
func (w *world) settle() {
	w.engine.Run()
	w.reshard()
}

// randomEdit changes a host, a Secret or a listener.
func randomEdit(w *world, r random, listeners []ir.Listener) {
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
		w.hosts.Delete(v.Key)
	} else {
		w.set(v)
	}
	w.secrets.Set(r.name(), pair{chain: r.text(), key: []string{"", "key"}[r.IntN(2)]})
	if l := listeners[r.IntN(len(listeners))]; r.IntN(4) == 0 {
		w.listeners.Delete(l.Key)
	} else {
		l.Port += uint32(r.IntN(2))
		w.listeners.Set(l.Key, &l)
	}
}

// When everything of a fleet is gone nothing of it is held.
func TestNothingIsLeftOfAFleet(t *testing.T) {
	w := newWorld()
	web, secure := other("web", ir.ListenHTTP), other("secure", ir.ListenHTTPS)
	w.set(httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}))
	w.run()
	held := w.held()
	w.listeners.Set(web.Key, &web)
	w.listeners.Set(secure.Key, &secure)
	for i := range 20 {
		v := ir.Route{Match: prefix("/"), Forward: to(fmt.Sprintf("s%d", i))}
		w.set(at(web, httpHost(fmt.Sprintf("h%d.example.com", i), v)), at(secure, httpsHost(fmt.Sprintf("h%d.example.com", i), v)))
	}
	w.run()
	if n := w.tables.Shards(web.Key); n < 2 {
		t.Errorf("%d shards", n)
	}
	for i := range 20 {
		for _, l := range []ir.Listener{web, secure} {
			w.hosts.Delete(at(l, httpHost(fmt.Sprintf("h%d.example.com", i))).Key)
		}
	}
	w.listeners.Delete(web.Key)
	w.listeners.Delete(secure.Key)
	w.run()
	w.run()
	if diff := cmp.Diff(held, w.held()); diff != "" {
		t.Errorf("held (-before +after):\n%s", diff)
	}
	rt := &w.tables.routes
	if len(rt.listeners) != 1 || len(rt.sizes) != 1 || len(rt.shardings) != 1 || rt.shards.Len() != 0 {
		t.Errorf("left of sharding: %v, %v, %v, %d", rt.listeners, rt.sizes, rt.shardings, rt.shards.Len())
	}
}

// held is how many keys each table holds.
func (w *world) held() map[string]int {
	held := map[string]int{}
	for _, s := range w.engine.Stats() {
		held[s.Table] = s.Entries
	}
	return held
}

// Listeners for TLS that share a socket are one listener of Envoy, each with its own settings.
func TestListenersShareASocket(t *testing.T) {
	w := newWorld()
	a, b := other("a", ir.ListenHTTPS), other("b", ir.ListenTLS)
	a.Socket, b.Socket = "443", "443"
	a.TLS.Min, b.Client.AccessLog.Path = ir.TLS13, "/dev/stdout"
	w.listeners.Set(a.Key, &a)
	w.listeners.Set(b.Key, &b)
	w.set(
		at(a, httpsHost("both.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})),
		at(a, httpsHost("*.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})),
		at(b, passthrough("both.example.com", ir.Backend{Cluster: service("s"), Weight: 1})),
		at(b, passthrough("raw.example.com", ir.Backend{Cluster: service("s"), Weight: 1})),
	)
	w.run()
	chains := func() (names []string) {
		for _, r := range w.tables.All("other")["other"] {
			if l, ok := decode(t, r).(*listenerv3.Listener); ok && l.GetName() == "443" {
				checkValid(t, r)
				for _, c := range l.GetFilterChains() {
					names = append(names, c.GetName()+" "+c.GetFilters()[0].GetName()[len("envoy.filters.network."):])
				}
			}
		}
		return names
	}
	want := []string{"*.example.com http_connection_manager", "both.example.com http_connection_manager", "raw.example.com tcp_proxy"}
	if diff := cmp.Diff(want, chains()); diff != "" {
		t.Errorf("filter chains (-want +got):\n%s", diff)
	}
	w.listeners.Delete(a.Key)
	w.run()
	if diff := cmp.Diff([]string{"both.example.com tcp_proxy", "raw.example.com tcp_proxy"}, chains()); diff != "" {
		t.Errorf("filter chains without the first listener (-want +got):\n%s", diff)
	}
}
