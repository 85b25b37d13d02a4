package compile

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// measured runs the engine after a change, and returns the derivations that ran and the bytes that were allocated.
func (s stages) measured(objects ...metav1.Object) (derivations, bytes uint64) {
	var before, after runtime.MemStats
	runs := s.engine.Runs()
	runtime.ReadMemStats(&before)
	s.apply(objects...)
	runtime.ReadMemStats(&after)
	return s.engine.Runs() - runs, after.TotalAlloc - before.TotalAlloc
}

func sharingIngress(host string, i int) *networkingv1.Ingress {
	created := metav1.NewTime(time.Unix(int64(1000+i%7), 0))
	in := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: fmt.Sprintf("in-%d", i), CreationTimestamp: created}}
	in.Spec.Rules = []networkingv1.IngressRule{{Host: host}}
	in.Spec.Rules[0].HTTP = &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
		Path: fmt.Sprintf("/%d", i), PathType: new(networkingv1.PathTypePrefix),
		Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}}}
	return in
}

// One more Ingress of a host runs the same derivations, however many the host has, and allocates the memory of its list of
// routes once more, and no more than that.
func TestOneMoreIngressOfAHost(t *testing.T) {
	const perIngress, beside, mostDerivations = 2_000, 512 << 10, 12
	for _, n := range []int{100, 1_000, 4_000} {
		s := newStages(t)
		var all []metav1.Object
		for i := range n {
			all = append(all, sharingIngress("shared.example.com", i))
		}
		s.apply(all...)
		derivations, bytes := s.measured(sharingIngress("shared.example.com", n))
		t.Logf("among %d: %d derivations, %d bytes", n, derivations, bytes)
		if derivations > mostDerivations || bytes > uint64(n*perIngress+beside) {
			t.Errorf("one more among %d: %d derivations, %d bytes", n, derivations, bytes)
		}
		v, _ := s.VirtualHosts.Peek(ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "ingress_http"}, Hostname: "shared.example.com"})
		if v == nil || len(v.Routes) != n+1 {
			t.Fatalf("among %d the host is %v", n, v)
		}
	}
}

// A merge looks at each contribution a constant number of times, and its routes are compared as often as sorting needs.
func TestRoutesAreComparedAsOftenAsSortingNeeds(t *testing.T) {
	t.Parallel()
	const n, most = 4096, 12 * 4096 * 3 / 2 // log2(n) * n, with half as much again
	compared := 0
	m := merger{key: httpKey, compare: func(a, b ownedRoute) int {
		compared++
		return compareOwned(a, b)
	}}
	for i := range n {
		c := claim(kobj.Ingress, fmt.Sprint(i), i%7, httpKey, route(ir.PathPrefix, fmt.Sprintf("/%d", i*7919%n), 200))
		m.served = append(m.served, c)
	}
	if got := len(m.routes()); got != n || compared == 0 || compared > most {
		t.Errorf("%d routes, %d comparisons, want at most %d", got, compared, most)
	}
}

// What decides about each of many contributions is found once: their TLS settings, what blocks them, and their policies.
func TestAHostOfManyContributions(t *testing.T) {
	const n = 5_000
	perClaim := func(claims []*contrib.Contribution) float64 {
		return testing.AllocsPerRun(1, func() { merge(httpsKey, append([]*contrib.Contribution(nil), claims...)) }) / float64(len(claims))
	}
	var claims []*contrib.Contribution
	for i := range n {
		c := claim(kobj.Ingress, fmt.Sprint(i), i, httpsKey, route(ir.PathPrefix, fmt.Sprintf("/%d", i), 200))
		c.JoinsTLS, c.Object.Namespace = true, fmt.Sprint(i%50)
		claims = append(claims, c)
	}
	claims[n-1].TLS = &ir.TLS{}
	h := merge(httpsKey, append([]*contrib.Contribution(nil), claims...))
	if h.VirtualHost == nil || len(h.VirtualHost.Routes) != n {
		t.Fatalf("%v is served", h.VirtualHost)
	}
	if few, many := perClaim(claims[n-n/10:]), perClaim(claims); many > 2*few+1 {
		t.Errorf("%.2f allocations for each of %d contributions, %.2f for each of %d", many, n, few, n/10)
	}
}

// An edit of a root costs the other roots that include the same child nothing, nor the child, whether or not there is
// something wrong with it, and a fault of the child is reported.
func TestAnEditAmongTheRootsOfAChild(t *testing.T) {
	const mostBytes, mostDerivations = 256 << 10, 6
	for _, broken := range []bool{false, true} {
		for _, n := range []int{100, 3_000} {
			s := newStages(t)
			child := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "child"}}
			child.Spec.Routes = []contourv1.Route{{DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200}}}
			if broken {
				child.Spec.Routes[0].DirectResponsePolicy.StatusCode = 7
			}
			all := []metav1.Object{child}
			for i := range n {
				all = append(all, includingRoot(i, "/a"))
			}
			s.apply(all...)
			derivations, bytes := s.measured(includingRoot(n/2, "/b"))
			t.Logf("broken %t, %d roots: %d derivations, %d bytes", broken, n, derivations, bytes)
			if derivations > mostDerivations || bytes > mostBytes {
				t.Errorf("broken %t, %d roots: %d derivations, %d bytes", broken, n, derivations, bytes)
			}
			got, _ := s.Objects.Peek(kobj.Of(kobj.HTTPProxy, "ns", "child"))
			if !got.Visited || (len(got.Diagnostics) > 0) != broken {
				t.Errorf("broken %t, %d roots: the child is visited: %t, with %d diagnostics", broken, n, got.Visited, len(got.Diagnostics))
			}
		}
	}
}

func includingRoot(i int, prefix string) *contourv1.HTTPProxy {
	p := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: fmt.Sprintf("root-%d", i)}}
	p.Spec.VirtualHost = &contourv1.VirtualHost{Fqdn: fmt.Sprintf("r%d.example.com", i)}
	p.Spec.Includes = []contourv1.Include{{Name: "child", Conditions: []contourv1.MatchCondition{{Prefix: prefix}}}}
	return p
}
