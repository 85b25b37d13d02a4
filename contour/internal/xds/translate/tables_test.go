package translate

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/xds/table"
)

// fixture contains the input of translate, which tests set instead of the earlier stages.
type fixture struct {
	engine    *memo.Engine
	listeners *memo.Input[ir.ListenerKey, *ir.Listener]
	chains    *memo.Input[ir.ChainKey, *ir.Chain]
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

func newFixture(edit ...func(*listeners)) *fixture {
	fx := &fixture{}
	fx.engine = memo.New(func(f memo.Fault) { fx.faults = append(fx.faults, f) })
	fx.hosts = memo.NewInput[ir.HostKey](fx.engine, "hosts", func(a, b *ir.VirtualHost) bool { return reflect.DeepEqual(a, b) })
	fx.secrets = memo.NewInput[kobj.Name](fx.engine, "secrets", func(a, b pair) bool { return a == b })
	fx.slices = memo.NewInput[kobj.Name](fx.engine, "slices", func(a, b []*discoveryv1.EndpointSlice) bool { return reflect.DeepEqual(a, b) })
	fx.limits = memo.NewInput[kobj.Name](fx.engine, "limits", func(a, b ir.CircuitBreakers) bool { return a == b })
	fx.listeners = memo.NewInput[ir.ListenerKey](fx.engine, "listeners", func(a, b *ir.Listener) bool { return reflect.DeepEqual(a, b) })
	fx.chains = memo.NewInput[ir.ChainKey](fx.engine, "chains", func(a, b *ir.Chain) bool { return reflect.DeepEqual(a, b) })
	fx.tables = New(Sources{
		Engine: fx.engine, Listeners: derived(fx.listeners, "listeners", fx.engine), Chains: derived(fx.chains, "chains", fx.engine), Hosts: derived(fx.hosts, "hosts", fx.engine), Secrets: fx,
		Limits:    func(r *memo.Reader, n kobj.Name) ir.CircuitBreakers { l, _ := fx.limits.Get(r, n); return l },
		Clusters:  func(*memo.Reader) ir.ClusterSettings { return config.Default().Cluster },
		Runtime:   func(*memo.Reader) ir.RuntimeSettings { return config.Default().Runtime },
		Endpoints: func(*memo.Reader) ir.EndpointSettings { return ir.EndpointSettings{Loopback: true} }, // as the backends of tests
		ExtensionTargets: func(_ *memo.Reader, n kobj.Name) []ir.ExtensionTarget {
			return []ir.ExtensionTarget{{Endpoints: ir.EndpointKey{Service: n, Port: "http"}, Weight: 1}}
		},
		Slices: func(r *memo.Reader, n kobj.Name) []*discoveryv1.EndpointSlice { s, _ := fx.slices.Get(r, n); return s },
	})
	fx.listen(classicListeners(edit...))
	return fx
}

// derived returns a table with the values of an input.
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

func (fx *fixture) Certificate(r *memo.Reader, n kobj.Name) (chain, key []byte, ok bool) {
	p, ok := fx.secrets.Get(r, n)
	return []byte(p.chain), []byte(p.key), ok && p.key != ""
}

func (fx *fixture) OnlyName(r *memo.Reader, n kobj.Name) string {
	p, _ := fx.secrets.Get(r, n)
	block, _ := pem.Decode([]byte(p.chain))
	if block == nil {
		return ""
	}
	if leaf, err := x509.ParseCertificate(block.Bytes); err == nil && len(leaf.DNSNames) == 1 {
		return leaf.DNSNames[0]
	}
	return ""
}

// sharedKeyFor returns the filter chain of hosts with default settings and the Secret.
func sharedKeyFor(secret string) sharedKey {
	return sharedKey{listener: classic.HTTPS(), certificate: kobj.Name{Namespace: "app", Name: secret}}
}

func (fx *fixture) CA(r *memo.Reader, n kobj.Name) (pem []byte, ok bool) {
	p, ok := fx.secrets.Get(r, n)
	return []byte(p.chain), ok && p.key == ""
}

func (fx *fixture) ConfigMapCA(r *memo.Reader, n kobj.Name) (pem []byte, ok bool) { return fx.CA(r, n) }

func (fx *fixture) CRL(r *memo.Reader, n kobj.Name) (pem []byte, ok bool) { return fx.CA(r, n) }

func (fx *fixture) set(hosts ...*ir.VirtualHost) {
	for _, v := range hosts {
		fx.hosts.Set(v.Key, v)
	}
}

// run updates all tables, and returns the number of derivations of each table and the changed resources.
func (fx *fixture) run() (runs map[string]uint64, changed []string) {
	fx.engine.Run()
	fx.reshard()
	now, runs := map[string]uint64{}, map[string]uint64{}
	for _, s := range fx.engine.Stats() {
		now[s.Table] = s.Runs
		if d := s.Runs - fx.runs[s.Table]; d > 0 && s.Table != "hosts" && s.Table != "listeners" {
			runs[s.Table] = d
		}
	}
	fx.runs = now
	set, removed := fx.changes()
	for _, r := range set {
		changed = append(changed, "set "+r.Ref.String())
	}
	for _, r := range removed {
		changed = append(changed, "removed "+r.String())
	}
	return runs, changed
}

// reshard sets the number of shards for the present hosts, as after shrinkAfter.
func (fx *fixture) reshard() {
	for _, now := range []time.Time{{}, time.Time{}.Add(1), time.Time{}.Add(1 + shrinkAfter)} {
		if len(fx.tables.Reshard(now)) > 0 {
			fx.engine.Run()
		}
	}
}

// expect checks that a change causes these derivations and changes these resources.
func (fx *fixture) expect(t *testing.T, runs map[string]uint64, changed ...string) {
	t.Helper()
	gotRuns, gotChanged := fx.run()
	if diff := cmp.Diff(runs, gotRuns); diff != "" {
		t.Errorf("derivations run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(changed, gotChanged); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	if len(fx.faults) > 0 {
		t.Errorf("faults: %+v", fx.faults)
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

func TestResourcesWithoutHosts(t *testing.T) {
	fx := newFixture()
	fx.expect(t, map[string]uint64{"translate/listeners": 3, "translate/HTTP route tables": 1, "translate/scopes": 1, "translate/runtime": 1},
		"set LDS ingress_http", "set LDS stats-health", "set SRDS ingress_http", "set RDS ingress_http", "set RTDS dynamic")
}

func TestChangeDerivesOnlyWhatDependsOnIt(t *testing.T) {
	fx := newFixture()
	for i := range 1000 {
		fx.set(httpHost(fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to(fmt.Sprintf("s%d", i%100))}))
	}
	fx.secrets.Set(kobj.Name{Namespace: "app", Name: "cert"}, pair{"chain", "key"})
	fx.secrets.Set(kobj.Name{Namespace: "app", Name: "ca"}, pair{"authority", ""})
	for i := range 10 {
		fx.set(httpsHost(fmt.Sprintf("t%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to("s1")}))
	}
	fx.run()

	t.Run("a route of a host", func(t *testing.T) {
		fx.set(httpHost("h7.example.com", ir.Route{Match: prefix("/other"), Forward: to("s7")}))
		fx.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/HTTP route tables": 1}, "set RDS ingress_http/16/14")
	})
	t.Run("a route to another Service", func(t *testing.T) {
		fx.set(httpHost("h7.example.com", ir.Route{Match: prefix("/other"), Forward: to("new")}))
		fx.expect(t, map[string]uint64{
			"translate/virtual hosts": 1, "translate/HTTP route tables": 1, "translate/clusters": 1, "translate/endpoints": 1,
		}, "set "+ref(service("new")), "set EDS app/new/http", "set RDS ingress_http/16/14")
	})
	t.Run("and back", func(t *testing.T) {
		fx.set(httpHost("h7.example.com", ir.Route{Match: prefix("/other"), Forward: to("s7")}))
		fx.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/HTTP route tables": 1},
			"set RDS ingress_http/16/14", "removed "+ref(service("new")), "removed EDS app/new/http")
	})
	t.Run("endpoints", func(t *testing.T) {
		fx.slices.Set(kobj.Name{Namespace: "app", Name: "s1"}, slicesAt("10.0.0.1"))
		fx.expect(t, map[string]uint64{"translate/endpoints": 1}, "set EDS app/s1/http")
	})
	t.Run("a certificate", func(t *testing.T) {
		fx.secrets.Set(kobj.Name{Namespace: "app", Name: "cert"}, pair{"rotated", "key"})
		fx.expect(t, map[string]uint64{"translate/secrets": 1, "translate/only names of certificates": 1}, "set SDS app/cert\x00")
	})
	t.Run("a route of a TLS host", func(t *testing.T) {
		fx.set(httpsHost("t1.example.com", ir.Route{Match: prefix("/other"), Forward: to("s1")}))
		fx.expect(t, map[string]uint64{
			"translate/virtual hosts": 1, "translate/TLS route tables": 1, "translate/filter chains": 1,
		}, "set RDS https/t1.example.com")
	})
	t.Run("an added TLS host", func(t *testing.T) {
		fx.set(httpsHost("more.example.com", ir.Route{Match: prefix("/"), Forward: to("s1")}))
		fx.expect(t, map[string]uint64{
			"translate/virtual hosts": 1, "translate/TLS route tables": 1, "translate/filter chains": 1, "translate/listeners": 1,
			"translate/shared filter chains": 1, "translate/scopes of TLS hosts": 1, "translate/scopes of hosts by shared filter chain": 1,
		}, "set LDS ingress_https", "set SRDS "+sharedKeyFor("cert").scopePrefix()+"more.example.com",
			"set SRDS https/more.example.com", "set RDS https/more.example.com")
	})
	t.Run("limits of a Service change its cluster in place", func(t *testing.T) {
		fx.limits.Set(kobj.Name{Namespace: "app", Name: "s7"}, ir.CircuitBreakers{MaxRetries: 9})
		fx.expect(t, map[string]uint64{"translate/clusters": 1}, "set "+ref(service("s7")))
	})
	t.Run("the same again", func(t *testing.T) {
		fx.set(httpsHost("more.example.com", ir.Route{Match: prefix("/"), Forward: to("s1")}))
		fx.expect(t, map[string]uint64{})
	})
}

func TestSecretsAreAddedAndRemoved(t *testing.T) {
	fx := newFixture()
	c := service("s")
	c.Protocol, c.TLS = ir.ProtocolTLS, ir.UpstreamTLS{CA: kobj.Name{Namespace: "app", Name: "ca"}, Names: ir.NewList("s")}
	fx.set(httpsHost("a.example.com", ir.Route{Match: prefix("/"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: c}}}}))
	fx.run()
	for _, s := range []struct {
		name string
		pair pair
		ref  string
		more uint64 // derivations of the names in the certificate
	}{{"cert", pair{"c", "k"}, "SDS app/cert\x00", 1}, {"ca", pair{"c", ""}, "SDS ca/app/ca\x00", 0}} {
		n := kobj.Name{Namespace: "app", Name: s.name}
		runs := map[string]uint64{"translate/secrets": 1}
		if s.more > 0 {
			runs["translate/only names of certificates"] = s.more
		}
		fx.secrets.Set(n, s.pair)
		fx.expect(t, runs, "set "+s.ref)
		fx.secrets.Delete(n)
		fx.expect(t, runs, "removed "+s.ref)
	}
}

func TestUnusedResourcesAreRemoved(t *testing.T) {
	fx := newFixture()
	fx.run()
	before := fx.all()
	hosts := []*ir.VirtualHost{
		httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}),
		httpsHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}),
		passthrough("raw.example.com", ir.Backend{Cluster: service("raw"), Weight: 1}),
	}
	fx.set(hosts...)
	fx.run()
	for _, v := range hosts {
		fx.hosts.Set(v.Key, nil) // claimed, but without a virtual host
	}
	_, changed := fx.run()
	// Added resources precede removed ones; both are sorted.
	want := []string{
		"set RDS ingress_http", "removed " + ref(service("raw")), "removed " + ref(service("s")),
		"removed EDS app/raw/http", "removed EDS app/s/http", "removed LDS ingress_https",
		"removed SRDS " + sharedKeyFor("cert").scopePrefix() + "a.example.com", "removed SRDS https/a.example.com",
		"removed SRDS ingress_http//a.example.com", "removed RDS https/a.example.com",
	}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, fx.all()); diff != "" {
		t.Errorf("resources after removal of the added hosts (-before +after):\n%s", diff)
	}
}

func TestChangeOfAListenerChangesNoOther(t *testing.T) {
	fx := newFixture()
	fx.set(httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}))
	fx.run()
	at := fx.at
	at.http.Port++
	fx.listen(at)
	fx.expect(t, map[string]uint64{"translate/listeners": 1}, "set LDS ingress_http")
	if n := len(fx.tables.routes.toReshard); n > 0 {
		t.Errorf("each iteration looks at %d listeners", n)
	}
	at.http.Connections.MaxConnections = 100
	fx.listen(at)
	fx.expect(t, map[string]uint64{"translate/listeners": 1, "translate/runtime": 1}, "set RTDS dynamic")
}

func TestAllEqualsTheSumOfChanges(t *testing.T) {
	fx := newFixture()
	fx.set(httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}), httpsHost("*.example.com"))
	fx.engine.Run()
	set, removed := fx.changes()
	if diff := cmp.Diff(fx.all(), set); diff != "" || len(removed) > 0 {
		t.Errorf("removed %v, All against Changes:\n%s", removed, diff)
	}
	if !slices.IsSortedFunc(set, func(a, b *table.Resource) int { return a.Ref.Compare(b.Ref) }) {
		t.Error("changes are not sorted")
	}
}

func TestTableServesTheTranslatedResources(t *testing.T) {
	fx := newFixture()
	r := newRandom(randomtest.Seed(t))
	published := table.New()
	for range 20 {
		for v := r.host(); r.IntN(4) > 0; v = r.host() {
			fx.set(v)
		}
		fx.engine.Run()
		published.Publish(fx.changes())
		for _, res := range fx.all() {
			v := published.Get(res.Ref)
			if v == nil {
				t.Fatalf("%s is not in the table", res.Ref)
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
