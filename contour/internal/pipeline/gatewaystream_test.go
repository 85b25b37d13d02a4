package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/store"
)

// streamGateway returns a Gateway with listeners that allow routes of all namespaces: for TLS with passthrough on port 8443, and for TCP on
// port 9000.
func streamGateway() store.Change {
	g := gatewayOf("infra", "web", 0, 1, []string{"10.0.0.9"}, nil, "8443/", "9000/")
	l := g.Object.(*gatewayv1.Gateway).Spec.Listeners
	l[0].Protocol, l[0].TLS = gatewayv1.TLSProtocolType, &gatewayv1.ListenerTLSConfig{Mode: ptr(gatewayv1.TLSModePassthrough)}
	l[1].Protocol = gatewayv1.TCPProtocolType
	return g
}

// streamBackend returns a Service "s" of a namespace with an endpoint.
func streamBackend(ns string) []store.Change {
	return []store.Change{
		{Key: kobj.Of(kobj.Service, ns, "s"), Object: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "s"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}, {Name: "more", Port: 81}}},
		}},
		{Key: kobj.Of(kobj.EndpointSlice, ns, "s-1"), Object: &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "s-1", Labels: map[string]string{discoveryv1.LabelServiceName: "s"}},
			Ports:      []discoveryv1.EndpointPort{{Port: ptr(int32(8080))}}, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}},
		}},
	}
}

func streamRefs(port int) []gatewayv1.BackendRef {
	return []gatewayv1.BackendRef{{BackendObjectReference: gatewayv1.BackendObjectReference{Name: "s", Port: ptr(gatewayv1.PortNumber(port))}}}
}

// tlsRoute returns a route to a port of the Service "s" of its namespace.
func tlsRoute(ns, name string, age, port int, hosts ...string) store.Change {
	o := &gatewayv1.TLSRoute{ObjectMeta: ageOf(ns, name, age, int64(port))}
	o.Spec.ParentRefs = parentsOf("infra/web")
	for _, h := range hosts {
		o.Spec.Hostnames = append(o.Spec.Hostnames, gatewayv1.Hostname(h))
	}
	o.Spec.Rules = []gatewayv1.TLSRouteRule{{BackendRefs: streamRefs(port)}}
	return store.Change{Key: kobj.Of(kobj.TLSRoute, ns, name), Object: o}
}

func tcpRoute(ns, name string, age, port int) store.Change {
	o := &gatewayv1.TCPRoute{ObjectMeta: ageOf(ns, name, age, int64(port))}
	o.Spec.ParentRefs = parentsOf("infra/web")
	o.Spec.Rules = []gatewayv1.TCPRouteRule{{BackendRefs: streamRefs(port)}}
	return store.Change{Key: kobj.Of(kobj.TCPRoute, ns, name), Object: o}
}

// ask returns who answers: the Service, or "refused".
func (s *system) ask(t *testing.T, r semantic.Request) string {
	t.Helper()
	a, err := s.model(t).Send(r)
	if err != nil {
		t.Fatal(err)
	}
	if a.Refused {
		return "refused"
	}
	if len(a.From) != 1 {
		t.Fatalf("%+v", a)
	}
	return a.From[0].Service
}

// A route of connections that exceeds a budget keeps its hosts, which are closed: no route of a broader or of the same hostname gets their
// connections. Without it they do.
func TestRoutesOfConnectionsBeyondABudgetAreClosed(t *testing.T) {
	c := gatewayConfig("10.0.0.0/24")
	c.Budgets.TLSHosts = 2
	s := newSystem(t, c)
	objects := []store.Change{
		gatewayClass(), streamGateway(),
		tlsRoute("evil", "first", 0, 80, "x.example"), tlsRoute("evil", "many", 1, 80, "a.example", "c.example"), tlsRoute("good", "all", 2, 80, "*.example", "a.example"),
		tcpRoute("full", "a", 1, 80), tlsRoute("full", "b", 3, 80, "1.full", "2.full"),
	}
	for _, ns := range []string{"evil", "good", "full"} {
		objects = append(objects, streamBackend(ns)...)
	}
	s.Step(objects)
	for host, want := range map[string]string{"a.example": "refused", "c.example": "refused", "d.example": "good/s", "1.full": "refused"} {
		if got := s.ask(t, semantic.Request{To: "10.0.0.9:8443", TLS: true, Host: host}); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
	if got := s.ask(t, semantic.Request{To: "10.0.0.9:9000", Host: "x"}); got != "full/s" {
		t.Errorf("TCP: %s, want full/s", got)
	}
	for _, name := range []string{"evil many", "full b"} {
		ns, name, _ := strings.Cut(name, " ")
		if got := s.accepted(t, kobj.TLSRoute, ns, name); !strings.HasPrefix(got, "False UnsupportedValue") || !strings.Contains(got, "connections to its hosts are closed") {
			t.Errorf("%s/%s: %s", ns, name, got)
		}
	}
	s.Step([]store.Change{{Key: kobj.Of(kobj.TLSRoute, "evil", "many")}, {Key: kobj.Of(kobj.TCPRoute, "full", "a")}})
	for host, want := range map[string]string{"a.example": "good/s", "c.example": "good/s", "1.full": "full/s"} {
		if got := s.ask(t, semantic.Request{To: "10.0.0.9:8443", TLS: true, Host: host}); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
	if got := s.ask(t, semantic.Request{To: "10.0.0.9:9000", Host: "x"}); got != "refused" {
		t.Errorf("TCP without a route: %s", got)
	}
}

// Of several routes of a listener for TCP the oldest one is served, whichever comes or goes, and others are accepted.
func TestTheOldestTCPRouteIsServed(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	serves := func(want string, edit ...store.Change) {
		t.Helper()
		s.Step(edit)
		if got := s.ask(t, semantic.Request{To: "10.0.0.9:9000", Host: "x"}); got != want {
			t.Errorf("%s serves, want %s", got, want)
		}
	}
	b, c := tcpRoute("b", "r", 2, 80), tcpRoute("c", "r", 3, 80)
	serves("refused", append(append(append(streamBackend("a"), streamBackend("b")...), streamBackend("c")...), gatewayClass(), streamGateway())...)
	serves("b/s", b, c)
	serves("a/s", tcpRoute("a", "r", 1, 80))
	for _, ns := range []string{"a", "b", "c"} {
		if got := s.accepted(t, kobj.TCPRoute, ns, "r"); !strings.HasPrefix(got, "True") || strings.Contains(got, "older TCPRoute a/r") != (ns != "a") {
			t.Errorf("%s: %s", ns, got)
		}
	}
	serves("b/s", store.Change{Key: kobj.Of(kobj.TCPRoute, "a", "r")})
	serves("c/s", store.Change{Key: b.Key})
	serves("refused", store.Change{Key: c.Key})
}

// The number of derivations of an edit of a TLSRoute does not depend on the number of routes of the listener.
func TestAnEditOfATLSRouteOfABusyListener(t *testing.T) {
	runs := map[int]uint64{}
	for _, n := range []int{20, 400} {
		s := newSystem(t, gatewayConfig("10.0.0.0/24"))
		objects := append(streamBackend("n"), gatewayClass(), streamGateway())
		for i := range n {
			objects = append(objects, tlsRoute("n", fmt.Sprint("r", i), i, 80, fmt.Sprintf("h%d.example", i)))
		}
		s.Step(objects)
		before := map[string]uint64{}
		for _, st := range s.Stats() {
			before[st.Table] = st.Runs
		}
		s.Step([]store.Change{tlsRoute("n", "r7", 7, 81, "h7.example")})
		for _, st := range s.Stats() {
			runs[n] += st.Runs - before[st.Table]
		}
	}
	t.Log("derivations", runs)
	if runs[20] != runs[400] || runs[20] == 0 {
		t.Errorf("an edit runs %d derivations with 20 routes, and %d with 400", runs[20], runs[400])
	}
}
