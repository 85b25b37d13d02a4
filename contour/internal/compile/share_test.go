package compile

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// stages is a store and the tables that are compiled from it.
type stages struct {
	engine *memo.Engine
	store  *store.Store
	*Compile
}

func newStages(tb testing.TB) stages {
	tb.Helper()
	e := memo.New(func(f memo.Fault) { tb.Errorf("%s of %v: %s\n%s", f.Table, f.Key, f.Reason, f.Stack) })
	s := store.New(e, config.Default())
	return stages{e, s, New(e, s)}
}

func (s stages) apply(objects ...metav1.Object) {
	var batch []store.Change
	for _, o := range objects {
		kind := kobj.HTTPProxy
		switch o.(type) {
		case *corev1.Service:
			kind = kobj.Service
		case *networkingv1.Ingress:
			kind = kobj.Ingress
		case *gatewayv1.GatewayClass:
			kind = kobj.GatewayClass
		case *gatewayv1.Gateway:
			kind = kobj.Gateway
		case *gatewayv1.HTTPRoute:
			kind = kobj.HTTPRoute
		}
		batch = append(batch, store.Change{Key: kobj.Of(kind, o.GetNamespace(), o.GetName()), Object: o})
	}
	s.store.Apply(batch)
	s.engine.Run()
}

func (s stages) host(t *testing.T, name string) *ir.VirtualHost {
	t.Helper()
	h, _ := s.VirtualHosts.Peek(ir.HostKey{Listener: classic.HTTP(), Hostname: name})
	if h == nil || len(h.Routes) != 2 {
		t.Fatalf("host %s is %+v", name, h)
	}
	return h
}

func proxyTo(name string, services ...string) *contourv1.HTTPProxy {
	p := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Generation: 1}}
	p.Spec.VirtualHost = &contourv1.VirtualHost{Fqdn: name + ".example"}
	for i, s := range services {
		p.Spec.Routes = append(p.Spec.Routes, contourv1.Route{
			Conditions: []contourv1.MatchCondition{{Prefix: fmt.Sprintf("/%.*s", i, "bcd")}},
			Services:   []contourv1.Service{{Name: s, Port: 80}},
		})
	}
	return p
}

func serviceOf(name string, annotations map[string]string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Annotations: annotations},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
}

// Routes that forward to the same port of a Service without further settings share one value.
func TestEqualForwardsAreShared(t *testing.T) {
	s := newStages(t)
	slow := proxyTo("slow", "x", "x")
	slow.Spec.Routes[0].TimeoutPolicy = &contourv1.TimeoutPolicy{Response: "1m"}
	s.apply(serviceOf("x", nil), serviceOf("y", nil), proxyTo("a", "x", "y"), proxyTo("b", "x", "x"), slow)
	a, b, c := s.host(t, "a.example"), s.host(t, "b.example"), s.host(t, "slow.example")
	if a.Routes[1].Forward != b.Routes[0].Forward || b.Routes[0].Forward != b.Routes[1].Forward {
		t.Error("equal values are not shared")
	}
	if a.Routes[0].Forward == a.Routes[1].Forward || c.Routes[0].Forward == c.Routes[1].Forward {
		t.Error("routes to different Services, or with different timeouts, share a value")
	}
	s.apply(serviceOf("x", map[string]string{"projectcontour.io/upstream-protocol.h2c": "80"}))
	if got := s.host(t, "b.example").Routes[1].Forward.Backends[0].Cluster.Protocol; got != ir.ProtocolH2C {
		t.Errorf("after a change of the Service: protocol %d, want %d", got, ir.ProtocolH2C)
	}
}

// A host of a single root shares the routes of the root.
func TestHostOfOneRootSharesItsRoutes(t *testing.T) {
	s := newStages(t)
	s.apply(serviceOf("x", nil), proxyTo("a", "x", "x"))
	root, _ := s.roots.Peek(kobj.Of(kobj.HTTPProxy, "ns", "a"))
	if h := s.host(t, "a.example"); &root.Contributions[0].Routes[0] != &h.Routes[0] {
		t.Error("the routes of the host are a copy")
	}
}

// BenchmarkEdit edits one of many roots and derives the virtual host and the report that change.
func BenchmarkEdit(b *testing.B) {
	for _, n := range []int{100, 25_000} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			s := newStages(b)
			s.apply(serviceOf("x", nil), serviceOf("y", nil))
			for i := range n {
				s.apply(proxyTo(fmt.Sprintf("p-%d", i), "x", "x"))
			}
			edits := 0
			b.ReportAllocs()
			for b.Loop() {
				p := proxyTo(fmt.Sprintf("p-%d", edits*7%n), "x", []string{"y", "x"}[edits/n%2])
				edits++
				p.Generation += int64(edits)
				before := s.engine.Runs()
				s.apply(p)
				if runs := s.engine.Runs() - before; runs == 0 || runs > 5 {
					b.Fatalf("%d derivations", runs)
				}
			}
		})
	}
}
