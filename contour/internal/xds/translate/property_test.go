package translate

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/xds/table"
)

func TestValidValuesGiveValidResources(t *testing.T) {
	r := newRandom(randomtest.Seed(t))
	for range 200 {
		v := r.host()
		resources := []*table.Resource{routesOf(v)}
		if v.Key.Listener == classic.HTTPS() {
			resources = append(resources, chainsOf(classicListeners(), v))
		}
		for b := range backends(v) {
			if b.Unresolved {
				continue
			}
			resources = append(resources, cluster(b.Cluster, ir.CircuitBreakers{}, ir.ClusterSettings{}))
		}
		for _, res := range resources {
			checkValid(t, res)
		}
	}
}

func checkValid(t *testing.T, r *table.Resource) {
	t.Helper()
	invalid := r.Invalid
	for _, p := range r.Parts {
		invalid += p.Invalid
	}
	if err := decode(t, r).ValidateAll(); err != nil || invalid != "" {
		t.Errorf("%s: %q, and as a whole: %v", r.Ref, invalid, err)
	}
}

func TestEverythingReferencedExists(t *testing.T) {
	r := newRandom(randomtest.Seed(t))
	for range 50 {
		fx := newFixture()
		for range r.IntN(10) {
			fx.set(r.host())
		}
		fx.run()
		all := fx.all()
		have := map[table.Ref]bool{}
		for _, res := range all {
			have[res.Ref] = true
		}
		for _, res := range all {
			for _, n := range referenced(t, res) {
				if n.Name == unresolvedName {
					continue // it never exists
				}
				if !have[n] {
					t.Errorf("%s refers to %s, which does not exist", res.Ref, n)
				}
				if !slices.Contains(needs(res), n) {
					t.Errorf("%s refers to %s without needing it", res.Ref, n)
				}
			}
			for _, n := range needs(res) {
				if n.Type != table.Secret && !have[n] {
					t.Errorf("%s needs %s, which does not exist", res.Ref, n)
				}
			}
		}
	}
}

func needs(r *table.Resource) []table.Ref {
	all := slices.Clone(r.Needs)
	for _, p := range r.Parts {
		all = append(all, p.Needs...)
	}
	return all
}

// referenced returns the clusters and route tables that a message names.
func referenced(t *testing.T, r *table.Resource) (refs []table.Ref) {
	switch m := decode(t, r).(type) {
	case *routev3.RouteConfiguration:
		walk(m.ProtoReflect(), func(m protoreflect.Message) {
			switch m := m.Interface().(type) {
			case *routev3.RouteAction:
				if c := m.GetCluster(); c != "" {
					refs = append(refs, table.Ref{Type: table.Cluster, Name: c})
				}
			case *routev3.WeightedCluster_ClusterWeight:
				refs = append(refs, table.Ref{Type: table.Cluster, Name: m.GetName()})
			}
		})
	case *listenerv3.Listener:
		for _, c := range m.GetFilterChains() {
			refs = append(refs, namedBy(t, c.GetFilters()[0])...)
		}
	}
	return refs
}

func namedBy(t *testing.T, f *listenerv3.Filter) (refs []table.Ref) {
	m, err := f.GetTypedConfig().UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	switch m := m.(type) {
	case *hcmv3.HttpConnectionManager:
		if m.GetRds() != nil {
			refs = append(refs, table.Ref{Type: table.Route, Name: m.GetRds().GetRouteConfigName()})
		}
	case *tcpproxyv3.TcpProxy:
		if c := m.GetCluster(); c != "" {
			refs = append(refs, table.Ref{Type: table.Cluster, Name: c})
		}
		for _, c := range m.GetWeightedClusters().GetClusters() {
			refs = append(refs, table.Ref{Type: table.Cluster, Name: c.GetName()})
		}
	}
	return refs
}

func walk(m protoreflect.Message, visit func(protoreflect.Message)) {
	visit(m)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				walk(v.List().Get(i).Message(), visit)
			}
		default:
			walk(v.Message(), visit)
		}
		return true
	})
}

func TestIncrementalEqualsFromScratch(t *testing.T) {
	for _, limit := range []int{512, 0} {
		t.Run(fmt.Sprintf("one table for %d hosts", limit), func(t *testing.T) { incrementalEqualsFromScratch(t, limit) })
	}
}

func incrementalEqualsFromScratch(t *testing.T, limit int) {
	r := newRandom(randomtest.Seed(t))
	fx := newFixture(tables(limit))
	for step := range 300 {
		if v := r.host(); r.IntN(3) == 0 {
			fx.hosts.Delete(v.Key)
		} else {
			fx.set(v)
		}
		n := r.name()
		fx.secrets.Set(n, pair{chain: r.text(), key: []string{"", "key"}[r.IntN(2)]})
		fx.slices.Set(n, slicesAt(fmt.Sprintf("10.0.0.%d", 1+r.IntN(3))))
		if step%10 != 0 {
			continue
		}
		fx.run()
		scratch := newFixture(tables(limit))
		fx.hosts.Each(func(k ir.HostKey, v *ir.VirtualHost) bool { scratch.hosts.Set(k, v); return true })
		fx.secrets.Each(func(k kobj.Name, v pair) bool { scratch.secrets.Set(k, v); return true })
		for _, a := range r.texts {
			for _, b := range r.texts {
				if s, ok := fx.slices.Peek(kobj.Name{Namespace: a, Name: b}); ok {
					scratch.slices.Set(kobj.Name{Namespace: a, Name: b}, s)
				}
			}
		}
		scratch.run()
		if want, got := scratch.all(), fx.all(); !slices.EqualFunc(want, got, equalResource) {
			t.Fatalf("after %d edits (-from scratch +incremental):\n%s", step, cmp.Diff(want, got))
		}
		if len(fx.faults)+len(scratch.faults) > 0 {
			t.Fatalf("faults: %v %v", fx.faults, scratch.faults)
		}
	}
}

func TestClusterNamesDependOnTheContent(t *testing.T) {
	seen := map[string]ir.Cluster{}
	r := newRandom(randomtest.Seed(t))
	long := strings.Repeat("long-", 12)
	r.texts = append(r.texts, "", "ab", "a/b", "tls", "balancing", "health", long+"a", long+"b", "1")
	for range 5000 {
		c := r.cluster()
		name := clusterName(c)
		if before, ok := seen[name]; ok && before != c {
			t.Fatalf("one name, %s, for\n%+v\n%+v", name, before, c)
		}
		seen[name] = c
		if len(name) > clusterNameSize {
			t.Fatalf("%s has %d bytes, more than %d", name, len(name), clusterNameSize)
		}
	}
}

// Each field of the rare settings is in the name, those that are added later too.
func TestEverySettingIsInTheNameOfACluster(t *testing.T) {
	t.Parallel()
	var each func(reflect.Value, string, func(string))
	each = func(v reflect.Value, path string, f func(string)) {
		if v.Kind() != reflect.Struct {
			before := reflect.New(v.Type()).Elem()
			before.Set(v)
			setAny(t, v)
			f(path)
			v.Set(before)
			return
		}
		for i := range v.NumField() {
			each(v.Field(i), path+"."+v.Type().Field(i).Name, f)
		}
	}
	var tuning ir.Tuning
	seen := map[string]string{clusterName(ir.Cluster{}): "no setting"}
	each(reflect.ValueOf(&tuning).Elem(), "Tuning", func(path string) {
		name := clusterName(ir.Cluster{Tuning: ir.Intern(tuning)})
		if before, ok := seen[name]; ok {
			t.Errorf("one name for %s and %s", before, path)
		}
		seen[name] = path
	})
}

// setAny sets a value other than zero.
func setAny(t *testing.T, v reflect.Value) {
	t.Helper()
	switch {
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(1)
	case v.CanFloat():
		v.SetFloat(1.5)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.Kind() == reflect.Array:
		v.Index(0).SetUint(1)
	default:
		t.Fatalf("kind %s", v.Kind())
	}
}

func TestNamesAreInjective(t *testing.T) {
	labels := []string{"a", "b", "a-b", "ca", "https", "ingress-http", "x"}
	secrets, endpoints, routes := map[string]string{}, map[string]string{}, map[string]string{}
	add := func(seen map[string]string, name, content string) {
		if before, ok := seen[name]; ok && before != content {
			t.Errorf("one name, %s, for %s and %s", name, before, content)
		}
		seen[name] = content
	}
	for of := 0; of <= slots; of = max(2*of, fewestShards) {
		for i := range max(of, 1) {
			add(routes, shard{listener: classic.HTTP(), index: i, of: of}.name(), fmt.Sprint("shard ", i, " of ", of))
		}
	}
	for _, ns := range labels {
		add(routes, routeTable(hostKey(classic.HTTPS(), ns)), "TLS host "+ns)
		for _, name := range labels {
			n := kobj.Name{Namespace: ns, Name: name}
			add(secrets, certificateName(n), "certificate "+n.String())
			add(secrets, caName(n), "authority "+n.String())
			for _, port := range append(labels, "") {
				k := ir.EndpointKey{Service: n, Port: port}
				add(endpoints, endpointName(k), fmt.Sprintf("%q", k))
			}
		}
	}
}

func TestWeightsKeepTheirShares(t *testing.T) {
	for _, c := range []struct{ in, want []uint32 }{
		{[]uint32{1, 2, 0}, []uint32{1, 2, 0}},
		{[]uint32{0, 0}, []uint32{1, 1}},
		{[]uint32{math.MaxUint32, math.MaxUint32}, []uint32{math.MaxUint32 / 3, math.MaxUint32 / 3}},
		{nil, []uint32{}},
	} {
		var b []ir.Backend
		for _, w := range c.in {
			b = append(b, ir.Backend{Weight: w})
		}
		if diff := cmp.Diff(c.want, weights(b)); diff != "" {
			t.Errorf("weights %v (-want +got):\n%s", c.in, diff)
		}
	}
}

func TestUnservableResourcesAreInvalid(t *testing.T) {
	l := classicListeners()
	bare := httpsHost("a.example.com")
	bare.TLS = nil
	nowhere := passthrough("a.example.com")
	nowhere.TCP = nil
	unknown := httpsHost("a.example.com")
	unknown.TLS.Min = 1
	withoutTLS := service("s")
	withoutTLS.TLS = ir.UpstreamTLS{CA: kobj.Name{Namespace: "a", Name: "ca"}}
	bad := httpHost("a.example.com", ir.Route{Match: prefix("/"), Direct: &ir.Direct{Code: 200, Body: strings.Repeat("x", maxDirectBody+1)}})
	header := httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s"), RequestHeaders: ir.HeaderEdits{Set: []ir.Header{{Name: "a\nb"}}}})
	for what, invalid := range map[string]string{
		"a TLS host without TLS":               filterChain(bare, &l.https).Invalid,
		"passthrough to nowhere":               filterChain(nowhere, &l.https).Invalid,
		"a TLS version that does not exist":    filterChain(unknown, &l.https).Invalid,
		"verification without TLS":             cluster(withoutTLS, ir.CircuitBreakers{}, ir.ClusterSettings{}).Invalid,
		"a body that Envoy rejects":            virtualHost(bad).part.Invalid,
		"a header name with a line break":      virtualHost(header).part.Invalid,
		"text that is not UTF-8":               virtualHost(httpHost("\xff")).part.Invalid,
		"a server name longer than DNS allows": cluster(ir.Cluster{Protocol: ir.ProtocolTLS, SNI: strings.Repeat("a", 300)}, ir.CircuitBreakers{}, ir.ClusterSettings{}).Invalid,
	} {
		if invalid == "" {
			t.Errorf("%s is valid", what)
		}
	}
}

// FuzzAnyValue checks that no value of the ir panics, gives different bytes twice, or is considered valid although the
// message that Envoy receives is not.
func FuzzAnyValue(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed, "text")
	}
	f.Fuzz(func(t *testing.T, seed uint64, text string) {
		l := classicListeners()
		v, again := wild(seed, text).host(), wild(seed, text).host()
		checkPart(t, virtualHost(v).part, virtualHost(again).part, &routev3.VirtualHost{})
		checkPart(t, filterChain(v, &l.https), filterChain(again, &l.https), &listenerv3.FilterChain{})
		for b := range backends(v) {
			c := cluster(b.Cluster, ir.CircuitBreakers{}, ir.ClusterSettings{})
			if c.Invalid == "" {
				checkValid(t, c)
			}
		}
	})
}

func checkPart(t *testing.T, p, again table.Part, m message) {
	t.Helper()
	if !equalPart(p, again) {
		t.Errorf("part %q: equal values, different parts", p.Name)
	}
	if p.Invalid != "" {
		return
	}
	if err := proto.Unmarshal(p.Body, m); err != nil || m.ValidateAll() != nil || !bytes.Equal(p.Body, again.Body) {
		t.Errorf("part %q is considered valid, but: %v, %v", p.Name, err, m.ValidateAll())
	}
}
