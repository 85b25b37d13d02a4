package translate

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// world stands for the stages before translate: everything it reads, set by hand.
type world struct {
	engine    *memo.Engine
	listeners *memo.Input[ir.ListenerKey, *ir.Listener]
	hosts     *memo.Input[ir.HostKey, *ir.VirtualHost]
	secrets   *memo.Input[kobj.Name, pair]
	slices    *memo.Input[kobj.Name, []*discoveryv1.EndpointSlice]
	limits    *memo.Input[kobj.Name, ir.CircuitBreakers]
	at        listeners
	tables    *Tables
	runs      map[string]uint64
	faults    []memo.Fault
}

type pair struct{ chain, key string }

func newWorld(edit ...func(*listeners)) *world {
	w := &world{}
	w.engine = memo.New(func(f memo.Fault) { w.faults = append(w.faults, f) })
	w.hosts = memo.NewInput[ir.HostKey](w.engine, "hosts", func(a, b *ir.VirtualHost) bool { return reflect.DeepEqual(a, b) })
	w.secrets = memo.NewInput[kobj.Name](w.engine, "secrets", func(a, b pair) bool { return a == b })
	w.slices = memo.NewInput[kobj.Name](w.engine, "slices", func(a, b []*discoveryv1.EndpointSlice) bool { return reflect.DeepEqual(a, b) })
	w.limits = memo.NewInput[kobj.Name](w.engine, "limits", func(a, b ir.CircuitBreakers) bool { return a == b })
	w.listeners = memo.NewInput[ir.ListenerKey](w.engine, "listeners", func(a, b *ir.Listener) bool { return reflect.DeepEqual(a, b) })
	w.tables = New(Sources{
		Engine: w.engine, Listeners: derived(w.listeners, "listeners", w.engine), Hosts: derived(w.hosts, "hosts", w.engine), Secrets: w,
		Limits:   func(r *memo.Reader, n kobj.Name) ir.CircuitBreakers { l, _ := w.limits.Get(r, n); return l },
		Clusters: func(*memo.Reader) ir.ClusterSettings { return config.Default().Cluster },
		Slices:   func(r *memo.Reader, n kobj.Name) []*discoveryv1.EndpointSlice { s, _ := w.slices.Get(r, n); return s },
	})
	w.listen(classicListeners(edit...))
	return w
}

// derived is a table with what is in the input.
func derived[K comparable, V any](in *memo.Input[K, V], name string, e *memo.Engine) *memo.Table[K, V] {
	t := memo.NewTable(e, memo.Options[K, V]{
		Name: name, Equal: func(a, b V) bool { return reflect.DeepEqual(a, b) },
		Derive: func(r *memo.Reader, k K) V {
			v, _ := in.Get(r, k)
			return v
		},
	})
	memo.DemandFrom(in, t, func(k K, _ V) []K { return []K{k} })
	return t
}

func (w *world) Certificate(r *memo.Reader, n kobj.Name) (chain, key []byte, ok bool) {
	p, ok := w.secrets.Get(r, n)
	return []byte(p.chain), []byte(p.key), ok && p.key != ""
}

func (w *world) CA(r *memo.Reader, n kobj.Name) (pem []byte, ok bool) {
	p, ok := w.secrets.Get(r, n)
	return []byte(p.chain), ok && p.key == ""
}

func (w *world) set(hosts ...*ir.VirtualHost) {
	for _, v := range hosts {
		w.hosts.Set(v.Key, v)
	}
}

// run brings everything up to date and says which tables ran how often, and what changed.
func (w *world) run() (runs map[string]uint64, changed []string) {
	w.engine.Run()
	w.reshard()
	now, runs := map[string]uint64{}, map[string]uint64{}
	for _, s := range w.engine.Stats() {
		now[s.Table] = s.Runs
		if d := s.Runs - w.runs[s.Table]; d > 0 && s.Table != "hosts" && s.Table != "listeners" {
			runs[s.Table] = d
		}
	}
	w.runs = now
	set, removed := w.changes()
	for _, r := range set {
		changed = append(changed, "set "+r.Ref.String())
	}
	for _, r := range removed {
		changed = append(changed, "removed "+r.String())
	}
	return runs, changed
}

// reshard has as many shards as the hosts ask for, as if enough time had passed.
func (w *world) reshard() {
	for _, now := range []time.Time{{}, time.Time{}.Add(1), time.Time{}.Add(1 + shrinkAfter)} {
		if len(w.tables.Reshard(now)) > 0 {
			w.engine.Run()
		}
	}
}

// expect checks that a change costs these derivations and changes these resources.
func (w *world) expect(t *testing.T, runs map[string]uint64, changed ...string) {
	t.Helper()
	gotRuns, gotChanged := w.run()
	if diff := cmp.Diff(runs, gotRuns); diff != "" {
		t.Errorf("derivations run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(changed, gotChanged); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	if len(w.faults) > 0 {
		t.Errorf("faults: %+v", w.faults)
	}
}

func slicesAt(address string) []*discoveryv1.EndpointSlice {
	name, port := "http", int32(8080)
	return []*discoveryv1.EndpointSlice{{
		Ports:     []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{address}}},
	}}
}

func ref(c ir.Cluster) string { return "CDS " + clusterName(c) }

func TestWhatIsAlwaysThere(t *testing.T) {
	w := newWorld()
	w.expect(t, map[string]uint64{"translate/listeners": 3, "translate/plain routes": 1, "translate/scopes": 1},
		"set LDS ingress_http", "set LDS stats-health", "set SRDS ingress_http", "set RDS ingress_http")
}

func TestOneChangeCostsWhatItTouches(t *testing.T) {
	w := newWorld()
	for i := range 1000 {
		w.set(httpHost(fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to(fmt.Sprintf("s%d", i%100))}))
	}
	w.secrets.Set(kobj.Name{Namespace: "app", Name: "cert"}, pair{"chain", "key"})
	w.secrets.Set(kobj.Name{Namespace: "app", Name: "ca"}, pair{"authority", ""})
	for i := range 10 {
		w.set(httpsHost(fmt.Sprintf("t%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to("s1")}))
	}
	w.run()

	t.Run("a route of a host", func(t *testing.T) {
		w.set(httpHost("h7.example.com", ir.Route{Match: prefix("/other"), Forward: to("s7")}))
		w.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/plain routes": 1}, "set RDS ingress_http/16/14")
	})
	t.Run("a route to another Service", func(t *testing.T) {
		w.set(httpHost("h7.example.com", ir.Route{Match: prefix("/other"), Forward: to("new")}))
		w.expect(t, map[string]uint64{
			"translate/virtual hosts": 1, "translate/plain routes": 1, "translate/clusters": 1, "translate/endpoints": 1,
		}, "set "+ref(service("new")), "set EDS app/new/http", "set RDS ingress_http/16/14")
	})
	t.Run("and back", func(t *testing.T) {
		w.set(httpHost("h7.example.com", ir.Route{Match: prefix("/other"), Forward: to("s7")}))
		w.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/plain routes": 1},
			"set RDS ingress_http/16/14", "removed "+ref(service("new")), "removed EDS app/new/http")
	})
	t.Run("endpoints", func(t *testing.T) {
		w.slices.Set(kobj.Name{Namespace: "app", Name: "s1"}, slicesAt("10.0.0.1"))
		w.expect(t, map[string]uint64{"translate/endpoints": 1}, "set EDS app/s1/http")
	})
	t.Run("a certificate", func(t *testing.T) {
		w.secrets.Set(kobj.Name{Namespace: "app", Name: "cert"}, pair{"rotated", "key"})
		w.expect(t, map[string]uint64{"translate/secrets": 1}, "set SDS app/cert")
	})
	t.Run("a route of a TLS host", func(t *testing.T) {
		w.set(httpsHost("t1.example.com", ir.Route{Match: prefix("/other"), Forward: to("s1")}))
		w.expect(t, map[string]uint64{
			"translate/virtual hosts": 1, "translate/TLS routes": 1, "translate/filter chains": 1,
		}, "set RDS https/t1.example.com")
	})
	t.Run("one more TLS host", func(t *testing.T) {
		w.set(httpsHost("more.example.com", ir.Route{Match: prefix("/"), Forward: to("s1")}))
		w.expect(t, map[string]uint64{
			"translate/virtual hosts": 1, "translate/TLS routes": 1, "translate/filter chains": 1, "translate/listeners": 1,
		}, "set LDS ingress_https", "set RDS https/more.example.com")
	})
	t.Run("limits of a Service change its cluster in place", func(t *testing.T) {
		w.limits.Set(kobj.Name{Namespace: "app", Name: "s7"}, ir.CircuitBreakers{MaxRetries: 9})
		w.expect(t, map[string]uint64{"translate/clusters": 1}, "set "+ref(service("s7")))
	})
	t.Run("the same again", func(t *testing.T) {
		w.set(httpsHost("more.example.com", ir.Route{Match: prefix("/"), Forward: to("s1")}))
		w.expect(t, map[string]uint64{})
	})
}

func TestSecretsComeAndGo(t *testing.T) {
	w := newWorld()
	c := service("s")
	c.Protocol, c.TLS = ir.ProtocolTLS, ir.UpstreamTLS{CA: kobj.Name{Namespace: "app", Name: "ca"}, Names: ir.NewList("s")}
	w.set(httpsHost("a.example.com", ir.Route{Match: prefix("/"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: c}}}}))
	w.run()
	for _, s := range []struct {
		name string
		pair pair
		ref  string
	}{{"cert", pair{"c", "k"}, "SDS app/cert"}, {"ca", pair{"c", ""}, "SDS ca/app/ca"}} {
		n := kobj.Name{Namespace: "app", Name: s.name}
		w.secrets.Set(n, s.pair)
		w.expect(t, map[string]uint64{"translate/secrets": 1}, "set "+s.ref)
		w.secrets.Delete(n)
		w.expect(t, map[string]uint64{"translate/secrets": 1}, "removed "+s.ref)
	}
}

func TestWhatIsGoneIsRemoved(t *testing.T) {
	w := newWorld()
	w.run()
	before := w.all()
	hosts := []*ir.VirtualHost{
		httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}),
		httpsHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}),
		passthrough("raw.example.com", ir.Backend{Cluster: service("raw"), Weight: 1}),
	}
	w.set(hosts...)
	w.run()
	for _, v := range hosts {
		w.hosts.Set(v.Key, nil) // claimed, but nothing to serve
	}
	_, changed := w.run()
	// In this order: what is new, then what is gone, each sorted.
	want := []string{
		"set RDS ingress_http", "removed " + ref(service("raw")), "removed " + ref(service("s")),
		"removed EDS app/raw/http", "removed EDS app/s/http", "removed LDS ingress_https",
		"removed SRDS ingress_http//a.example.com", "removed RDS https/a.example.com",
	}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, w.all()); diff != "" {
		t.Errorf("removing what was added leaves something (-before +after):\n%s", diff)
	}
}

func TestAListenerChangesAlone(t *testing.T) {
	w := newWorld()
	w.set(httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}))
	w.run()
	at := w.at
	at.http.Port++
	w.listen(at)
	w.expect(t, map[string]uint64{"translate/listeners": 1}, "set LDS ingress_http")
}

func TestAllIsWhatChangesAddUpTo(t *testing.T) {
	w := newWorld()
	w.set(httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}), httpsHost("*.example.com"))
	w.engine.Run()
	set, removed := w.changes()
	if diff := cmp.Diff(w.all(), set); diff != "" || len(removed) > 0 {
		t.Errorf("removed %v, All against Changes:\n%s", removed, diff)
	}
	if !slices.IsSortedFunc(set, func(a, b *table.Resource) int { return a.Ref.Compare(b.Ref) }) {
		t.Error("changes are not sorted")
	}
}

func TestTheTableServesWhatWasTranslated(t *testing.T) {
	w := newWorld()
	r := newRandom(seeded(t))
	published := table.New()
	for range 20 {
		for v := r.host(); r.IntN(4) > 0; v = r.host() {
			w.set(v)
		}
		w.engine.Run()
		published.Publish(w.changes())
		for _, res := range w.all() {
			v := published.Get(res.Ref)
			if v == nil {
				t.Fatalf("%s is not served", res.Ref)
			}
			got := empty(res.Ref.Type)
			if err := proto.Unmarshal(v.Body(), got); err != nil {
				t.Fatal(err)
			}
			if want := decode(t, res); !proto.Equal(want, got) {
				t.Fatalf("%s (-translated +served):\n%s", res.Ref, cmp.Diff(want, got, protocmp.Transform()))
			}
		}
		if rejections := published.Rejections(); len(rejections) > 0 {
			t.Fatalf("rejected: %v", rejections)
		}
	}
}
