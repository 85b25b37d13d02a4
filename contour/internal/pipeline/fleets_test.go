package pipeline_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// gateway is the specification of an object of the API of these tests: listeners of a fleet, at ports that are not 0, and a
// host on those for HTTP and HTTPS, all with one Service as backend. The objects are Services with the gateway as JSON in
// an annotation.
type gateway struct {
	Fleet                 ir.Fleet
	HTTP, HTTPS, TCP, UDP uint32
	Host                  string
	Service, Certificate  string // in the namespace of the object
}

const gatewayAnnotation = "projectcontour.io/test-gateway"

func (g gateway) object(name string) *corev1.Service {
	text, _ := json.Marshal(g)
	s := &corev1.Service{ObjectMeta: meta(name)}
	s.Annotations = map[string]string{gatewayAnnotation: string(text)}
	return s
}

// gatewayAPI returns an API that compiles gateways.
func gatewayAPI() compile.API {
	return compile.API{
		Kind: kobj.Service,
		DemandRoots: func(s *store.Store, roots *memo.Table[kobj.Key, contrib.Root]) {
			memo.DemandFrom(s.Services, roots, func(n kobj.Name, s *corev1.Service) []kobj.Key {
				if s.Annotations[gatewayAnnotation] == "" {
					return nil
				}
				return []kobj.Key{{Kind: kobj.Service, Name: n}}
			})
		},
		Root: func(r *memo.Reader, env compile.Env, n kobj.Name) contrib.Root {
			s, ok := env.Store.Services.Get(r, n)
			var g gateway
			if !ok || json.Unmarshal([]byte(s.Annotations[gatewayAnnotation]), &g) != nil {
				return contrib.Root{}
			}
			return g.root(r, env, n)
		},
	}
}

func (g gateway) root(r *memo.Reader, env compile.Env, n kobj.Name) contrib.Root {
	port, failure := env.Ref.Service(r, kobj.Name{Namespace: n.Namespace, Name: g.Service}, 80)
	if failure != nil {
		return contrib.Root{}
	}
	to := []ir.Backend{{Weight: 1, Cluster: port.Cluster()}}
	var root contrib.Root
	add := func(name string, p ir.ListenerProtocol, port uint32, c contrib.Contribution) {
		if port == 0 {
			return
		}
		c.Key.Listener = ir.ListenerKey{Fleet: g.Fleet, Name: name}
		c.Object = kobj.Key{Kind: kobj.Service, Name: n}
		root.Contributions = append(root.Contributions, c)
		root.Listeners = append(root.Listeners, ir.Listener{
			Key: c.Key.Listener, Socket: name, Addresses: []string{"127.0.0.1"}, Port: port, Protocol: p, RouteTableHosts: 512,
			Origins: []kobj.Key{c.Object},
		})
	}
	host := ir.HostKey{Hostname: g.Host}
	routes := []ir.Route{{Match: ir.Match{Path: ir.PathMatch{Value: "/"}}, Forward: &ir.Forward{Backends: to}}}
	add("web", ir.ListenHTTP, g.HTTP, contrib.Contribution{Key: host, Routes: routes})
	add("secure", ir.ListenHTTPS, g.HTTPS, contrib.Contribution{
		Key: host, Routes: routes, TLS: &ir.TLS{Certificate: kobj.Name{Namespace: n.Namespace, Name: g.Certificate}},
	})
	add("raw", ir.ListenTCP, g.TCP, contrib.Contribution{TCP: &ir.TCPProxy{Backends: to}})
	add("datagrams", ir.ListenUDP, g.UDP, contrib.Contribution{TCP: &ir.TCPProxy{Backends: to, Datagrams: true}})
	return root
}

// blue and green return fleets with other listeners, ports and hosts than the default one; all have the backend service-0.
func blue() gateway {
	return gateway{Fleet: "blue", HTTP: 9080, TCP: 9081, Host: "blue.example.com", Service: "service-0"}
}

func green() gateway {
	return gateway{Fleet: "green", HTTP: 9180, HTTPS: 9181, UDP: 9182, Host: "green.example.com", Service: "service-0", Certificate: "cert-1"}
}

// refsOf returns the refs in the table of a fleet, nil if there is no table.
func (s *system) refsOf(f ir.Fleet) []string {
	t := s.fleets.Get(f)
	if t == nil {
		return nil
	}
	refs := []string{}
	for _, v := range t.All() {
		refs = append(refs, v.Ref.String())
	}
	return refs
}

// entries returns the number of entries of each derived table.
func (s *system) entries() map[string]int {
	entries := map[string]int{}
	for _, stat := range s.Stats() {
		entries[stat.Table] = stat.Entries
	}
	return entries
}

func newFleets(t *testing.T) *system {
	t.Helper()
	sys := newSystem(t, config.Default(), gatewayAPI())
	sys.Step(manyObjects(t, fewProxies))
	return sys
}

func TestEachFleetHasItsOwnResources(t *testing.T) {
	sys := newFleets(t)
	before := sys.refsOf(ir.DefaultFleet)
	sys.Step(append(change(blue().object("blue")), change(green().object("green"))...))
	if diff := cmp.Diff(before, sys.refsOf(ir.DefaultFleet)); diff != "" {
		t.Errorf("the default fleet has other resources than before (-before +after):\n%s", diff)
	}
	cluster := clusterOf(t, sys, ir.DefaultFleet, "team/service-0/")
	datagrams := clusterOf(t, sys, "green", "datagrams/datagrams/")
	want := map[ir.Fleet][]string{
		"blue":  {cluster, "EDS team/service-0", "LDS raw", "LDS web", "SRDS web", "SRDS web//blue.example.com", "RDS web", "RTDS dynamic"},
		"green": {datagrams, cluster, "EDS datagrams:datagrams", "EDS team/service-0", "SDS team/cert-1\x00", "LDS datagrams", "LDS secure", "LDS web", "SRDS secure//3e7a538b4d32e7a2//green.example.com", "SRDS secure/green.example.com", "SRDS web", "SRDS web//green.example.com", "RDS secure/green.example.com", "RDS web", "RTDS dynamic"},
	}
	for f, refs := range want {
		if diff := cmp.Diff(refs, sys.refsOf(f)); diff != "" {
			t.Errorf("fleet %s (-want +got):\n%s", f, diff)
		}
	}
}

// clusterOf returns the cluster of a fleet whose name starts with the prefix.
func clusterOf(t *testing.T, sys *system, f ir.Fleet, prefix string) string {
	t.Helper()
	prefix = table.Ref{Type: table.Cluster, Name: prefix}.String()
	for _, r := range sys.refsOf(f) {
		if strings.HasPrefix(r, prefix) {
			return r
		}
	}
	t.Fatalf("no cluster %s", prefix)
	return ""
}

// Resources that fleets share are derived once, for any number of fleets, and published to each that uses them.
func TestSharedResourcesAreDerivedOnce(t *testing.T) {
	const fleets = 20
	sys := newFleets(t)
	for i := range fleets {
		g := green()
		g.Fleet, g.UDP = ir.Fleet(fmt.Sprintf("fleet-%d", i)), 0 // a listener for UDP has a cluster of its own
		sys.Step(change(g.object(string(g.Fleet))))
	}
	once := func(what string, r pipeline.Result, derivations uint64) {
		t.Helper()
		if r.Derivations != derivations || r.Published != 1+fleets {
			t.Errorf("%s: %d derivations, %d resources; want %d and %d", what, r.Derivations, r.Published, derivations, 1+fleets)
		}
	}
	before := derivations(sys)
	once("a pod", sys.Step(change(slice(0, "10.9.9.9"))), 1)
	if diff := cmp.Diff(map[string]uint64{"translate/endpoints": 1}, since(sys, before)); diff != "" {
		t.Errorf("derivations of a pod change (-want +got):\n%s", diff)
	}
	before = derivations(sys)
	r := sys.Step(change(secret(t, "team", "cert-1")))
	if got := since(sys, before)["translate/secrets"]; got != 1 || r.Published != 1+fleets {
		t.Errorf("a rotated certificate: encoded %d times, %d resources; want 1 and %d", got, r.Published, 1+fleets)
	}
	body := func(f ir.Fleet) *table.Version {
		return sys.fleets.Get(f).Get(table.Ref{Type: table.Endpoint, Name: "team/service-0"})
	}
	if a, b := body("fleet-0"), body(ir.DefaultFleet); a.Hash != b.Hash {
		t.Error("two fleets have other versions of the same endpoints")
	}
}

// A removed fleet leaves no entries, and adding and removing it does not change other fleets.
func TestRemovedFleetLeavesNoEntries(t *testing.T) {
	sys := newFleets(t)
	before, entries := sys.state(), sys.entries()
	var former *table.Table
	for range 3 {
		r := sys.Step(change(green().object("green")))
		if r.Published != len(sys.refsOf("green")) || r.Published == 0 {
			t.Errorf("%d resources published for a fleet of %d", r.Published, len(sys.refsOf("green")))
		}
		former = sys.fleets.Get("green")
		w := former.Watch("a session")
		sys.Step(deletion(green().object("green")))
		if changes, _ := w.Take(); len(former.All()) > 0 || len(changes) > 0 {
			t.Errorf("the table of the fleet has %d resources, a session sees %d", len(former.All()), len(changes))
		}
		w.Close()
	}
	select {
	case <-former.Closed():
	default:
		t.Error("the table of the fleet is not closed")
	}
	if got := sys.fleets.Names(); len(got) != 1 || got[0] != ir.DefaultFleet {
		t.Errorf("fleets: %v", got)
	}
	if diff := cmp.Diff(entries, sys.entries()); diff != "" {
		t.Errorf("entries (-before +after):\n%s", diff)
	}
	sameState(t, before, sys.state())
}

// The hosts of a listener are sharded by their number on that listener alone.
func TestShardingIsPerListener(t *testing.T) {
	cfg := config.Default()
	cfg.RouteTables.Hosts = 10
	sys := newSystem(t, cfg, gatewayAPI())
	sys.Step(manyObjects(t, fewProxies))
	entries := sys.entries()
	sys.Step(change(blue().object("blue")))
	tables := func(f ir.Fleet) (n int) {
		for _, v := range sys.fleets.Get(f).All() {
			if v.Ref.Type == table.Route {
				n++
			}
		}
		return n
	}
	if blue, rest := tables("blue"), tables(ir.DefaultFleet); blue != 1 || rest < 9 {
		t.Errorf("%d route tables for one host, %d for %d", blue, rest, fewProxies)
	}
	sys.Step(deletion(blue().object("blue")))
	if diff := cmp.Diff(entries, sys.entries()); diff != "" {
		t.Errorf("entries (-before +after):\n%s", diff)
	}
}

// The object reports a rejection by Envoys of one fleet once, until the fleet is removed.
func TestRejectionsOfAFleet(t *testing.T) {
	sys := newFleets(t)
	sys.Step(change(blue().object("blue")))
	reject := func(f ir.Fleet) {
		t := sys.fleets.Get(f)
		for _, v := range t.All() {
			if v.Ref.Type == table.Endpoint && v.Ref.Name == "team/service-0" {
				t.Watch("envoy").Reject(v, "no such endpoint", nil)
			}
		}
	}
	reject("blue")
	reject(ir.DefaultFleet)
	sys.Step(nil)
	if got := sys.fleets.Rejections(); len(got) != 2 || got[0].Fleet != "blue" || got[1].Fleet != ir.DefaultFleet {
		t.Errorf("rejections: %+v", got)
	}
	sys.Step(deletion(blue().object("blue")))
	if got := sys.fleets.Rejections(); len(got) != 1 || got[0].Fleet != ir.DefaultFleet {
		t.Errorf("rejections without the fleet: %+v", got)
	}
}
