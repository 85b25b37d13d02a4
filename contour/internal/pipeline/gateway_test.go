package pipeline_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

func ptr[T any](v T) *T { return &v }

// gatewayConfig returns a configuration with ranges of addresses.
func gatewayConfig(ranges ...string) config.Config {
	c := config.Default()
	c.Gateways.ControllerName = "projectcontour.io/gateway-controller"
	for _, r := range ranges {
		c.Gateways.Addresses = append(c.Gateways.Addresses, netip.MustParsePrefix(r))
	}
	return c
}

// gatewayClass is the class of all Gateways of the tests.
func gatewayClass() store.Change {
	return store.Change{Key: kobj.Of(kobj.GatewayClass, "", "contour"), Object: &gatewayv1.GatewayClass{
		ObjectMeta: metav1.ObjectMeta{Name: "contour"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: "projectcontour.io/gateway-controller"},
	}}
}

func ageOf(ns, name string, age int, gen int64) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: ns, Name: name, Generation: gen, CreationTimestamp: metav1.NewTime(stagetest.Now().Add(time.Duration(age) * time.Minute))}
}

// gatewayOf returns a Gateway; the listeners, for all namespaces, are "port/hostname".
func gatewayOf(ns, name string, age int, gen int64, static []string, recorded []string, listeners ...string) store.Change {
	g := &gatewayv1.Gateway{ObjectMeta: ageOf(ns, name, age, gen), Spec: gatewayv1.GatewaySpec{GatewayClassName: "contour"}}
	for _, a := range static {
		g.Spec.Addresses = append(g.Spec.Addresses, gatewayv1.GatewaySpecAddress{Type: ptr(gatewayv1.IPAddressType), Value: a})
	}
	for _, a := range recorded {
		g.Status.Addresses = append(g.Status.Addresses, gatewayv1.GatewayStatusAddress{Type: ptr(gatewayv1.IPAddressType), Value: a})
	}
	for i, l := range listeners {
		port, host, _ := strings.Cut(l, "/")
		var p int
		_, _ = fmt.Sscan(port, &p)
		x := gatewayv1.Listener{
			Name: gatewayv1.SectionName(fmt.Sprint("l", i)), Port: gatewayv1.PortNumber(p), Protocol: gatewayv1.HTTPProtocolType,
			AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: ptr(gatewayv1.NamespacesFromAll)}},
		}
		if host != "" {
			x.Hostname = ptr(gatewayv1.Hostname(host))
		}
		g.Spec.Listeners = append(g.Spec.Listeners, x)
	}
	return store.Change{Key: kobj.Of(kobj.Gateway, ns, name), Object: g}
}

// parentsOf returns references to Gateways, which are "namespace/name".
func parentsOf(gws ...string) (out []gatewayv1.ParentReference) {
	for _, g := range gws {
		ns, n, _ := strings.Cut(g, "/")
		out = append(out, gatewayv1.ParentReference{Name: gatewayv1.ObjectName(n), Namespace: ptr(gatewayv1.Namespace(ns))})
	}
	return out
}

// httpRoute returns a route that redirects to http://x.example.
func httpRoute(ns, name string, age int, gws []string, hosts ...string) store.Change {
	o := &gatewayv1.HTTPRoute{ObjectMeta: ageOf(ns, name, age, 1)}
	o.Spec.ParentRefs = parentsOf(gws...)
	for _, h := range hosts {
		o.Spec.Hostnames = append(o.Spec.Hostnames, gatewayv1.Hostname(h))
	}
	o.Spec.Rules = []gatewayv1.HTTPRouteRule{{Filters: []gatewayv1.HTTPRouteFilter{{Type: gatewayv1.HTTPRouteFilterRequestRedirect, RequestRedirect: &gatewayv1.HTTPRequestRedirectFilter{Hostname: ptr(gatewayv1.PreciseHostname("x.example"))}}}}}
	return store.Change{Key: kobj.Of(kobj.HTTPRoute, ns, name), Object: o}
}

// grpcRoute returns a route without rules.
func grpcRoute(ns, name string, age int, gws []string, hosts ...string) store.Change {
	o := &gatewayv1.GRPCRoute{ObjectMeta: ageOf(ns, name, age, 1)}
	o.Spec.ParentRefs = parentsOf(gws...)
	for _, h := range hosts {
		o.Spec.Hostnames = append(o.Spec.Hostnames, gatewayv1.Hostname(h))
	}
	return store.Change{Key: kobj.Of(kobj.GRPCRoute, ns, name), Object: o}
}

// accepted returns the conditions of that type for the parents of a route.
func (s *system) accepted(t *testing.T, k kobj.Kind, ns, name string) string {
	d, _ := s.Status.Desired.Peek(kobj.Of(k, ns, name))
	var out []string
	for _, p := range d.Status.(*kind.RouteParents).Parents {
		for _, c := range p.Conditions {
			if c.Type == "Accepted" {
				out = append(out, fmt.Sprint(c.Status, " ", c.Reason, " ", c.Message))
			}
		}
	}
	return strings.Join(out, ";")
}

func (s *system) addresses(ns, name string) (out []string) {
	d, _ := s.Status.Desired.Peek(kobj.Of(kobj.Gateway, ns, name))
	if d == nil {
		return nil
	}
	for _, a := range d.Status.(*gatewayv1.GatewayStatus).Addresses {
		out = append(out, a.Value)
	}
	return out
}

// A route of a listener for a wildcard serves no host of a listener for one name, however short its label.
func TestAnExactListenerPrecedesAWildcard(t *testing.T) {
	for _, label := range []string{"aa", "a"} {
		host := label + ".example.com"
		s := newSystem(t, gatewayConfig("10.0.0.0/24"))
		g := gatewayOf("infra", "web", 0, 1, []string{"10.0.0.9"}, nil, "8080/*.example.com", "8080/"+host)
		g.Object.(*gatewayv1.Gateway).Spec.Listeners[1].AllowedRoutes.Namespaces.From = ptr(gatewayv1.NamespacesFromSame)
		s.Step([]store.Change{gatewayClass(), g, httpRoute("evil", "evil", 1, []string{"infra/web"}, host)})
		a, err := s.model(t).Send(semantic.Request{To: "10.0.0.9:8080", Host: host, Path: "/bar"})
		t.Log(host, err, a.Status, a.Location)
		if a.Status != 404 {
			t.Errorf("%s: %d %s, want 404", host, a.Status, a.Location)
		}
	}
}

// The chain of the host is that of the exact listener, so that its own clients do not get 421.
func TestTheChainOfAnExactListener(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	g := gatewayOf("infra", "web", 0, 1, []string{"10.0.0.9"}, nil, "8443/*.example.com", "8443/a.example.com")
	o := g.Object.(*gatewayv1.Gateway)
	for i := range o.Spec.Listeners {
		o.Spec.Listeners[i].Protocol = "HTTPS"
		o.Spec.Listeners[i].TLS = &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "cert"}}}
	}
	o.Spec.Listeners[1].AllowedRoutes.Namespaces.From = ptr(gatewayv1.NamespacesFromSame)
	s.Step([]store.Change{gatewayClass(), g, httpRoute("evil", "evil", 5, []string{"infra/web"}, "a.example.com"), httpRoute("infra", "good", 1, []string{"infra/web"}, "a.example.com")})
	v, _ := s.Compile.VirtualHosts.Peek(ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "infra_web_8443"}, Hostname: "a.example.com"})
	t.Log(v.Chain, v.Origins)
	s.Step([]store.Change{{Key: kobj.Of(kobj.HTTPRoute, "infra", "good")}, httpRoute("infra", "good", 9, []string{"infra/web"}, "a.example.com")})
	v, _ = s.Compile.VirtualHosts.Peek(ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "infra_web_8443"}, Hostname: "a.example.com"})
	t.Log(v.Chain, v.Origins)
	if v.Chain != "a.example.com" {
		t.Error("chain", v.Chain)
	}
}

// gatewayService is Service n/a, which has an endpoint.
func gatewayService() []store.Change {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "a"}}
	s.Spec.Ports = []corev1.ServicePort{{Port: 80}}
	sl := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "a-1", Labels: map[string]string{"kubernetes.io/service-name": "a"}}, AddressType: "IPv4"}
	sl.Ports = []discoveryv1.EndpointPort{{Port: ptr(int32(8080))}}
	sl.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}}
	return []store.Change{{Key: kobj.Of(kobj.Service, "n", "a"), Object: s}, {Key: kobj.Of(kobj.EndpointSlice, "n", "a-1"), Object: sl}}
}

// backendRef is to the Service of the namespace.
func backendRef() []gatewayv1.HTTPBackendRef {
	return []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{Name: "a", Port: ptr(gatewayv1.PortNumber(80))}}}}
}

// What replaces the prefix / precedes the path.
func TestReplacePrefixMatchOfTheRoot(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	r := httpRoute("n", "r", 1, []string{"infra/web"}, "a.example")
	o := r.Object.(*gatewayv1.HTTPRoute)
	mod := &gatewayv1.HTTPPathModifier{Type: gatewayv1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: ptr("/foo")}
	o.Spec.Rules = []gatewayv1.HTTPRouteRule{{BackendRefs: backendRef(), Filters: []gatewayv1.HTTPRouteFilter{{Type: gatewayv1.HTTPRouteFilterURLRewrite, URLRewrite: &gatewayv1.HTTPURLRewriteFilter{Path: mod}}}}}
	d := httpRoute("n", "d", 1, []string{"infra/web"}, "b.example")
	d.Object.(*gatewayv1.HTTPRoute).Spec.Rules[0].Filters[0].RequestRedirect.Path = mod
	s.Step(append(gatewayService(), gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"10.0.0.9"}, nil, "8080/"), r, d))
	for host, want := range map[string]string{"a.example": "/foo/bar", "b.example": "http://x.example:8080/foo/bar"} {
		a, err := s.model(t).Send(semantic.Request{To: "10.0.0.9:8080", Host: host, Path: "/bar"})
		got := a.Location
		if len(a.From) > 0 {
			got = a.From[0].Path
		}
		t.Log(host, err, got)
		if got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// Default header policies do not apply to Gateway routes, whatever the order of configurations.
func TestDefaultHeaderPoliciesDoNotApplyToGateways(t *testing.T) {
	with := func(v string) config.Config {
		c := gatewayConfig("10.0.0.0/24")
		if v != "" {
			c.Headers.Responses.Set = []ir.Header{{Name: "x-default", Value: v}}
		}
		return c
	}
	s := newSystem(t, with(""))
	r := httpRoute("n", "r", 1, []string{"infra/web"}, "a.example")
	f := httpRoute("n", "f", 1, []string{"infra/web"}, "b.example")
	f.Object.(*gatewayv1.HTTPRoute).Spec.Rules = []gatewayv1.HTTPRouteRule{{BackendRefs: backendRef()}}
	s.Step(append(gatewayService(), gatewayClass(), gatewayOf("infra", "web", 0, 1, nil, nil, "8080/"), r, f))
	show := func(what string) string {
		out := ""
		for _, h := range []string{"a.example", "b.example"} {
			v, _ := s.Compile.VirtualHosts.Peek(ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "infra_web_8080"}, Hostname: h})
			out += fmt.Sprint(h, ": ", v.Routes[0].ResponseHeaders)
			if f := v.Routes[0].Forward; f != nil {
				out += fmt.Sprint(" backend ", f.Backends[0].ResponseHeaders)
			}
			out += "; "
		}
		t.Log(what, out)
		return out
	}
	none := show("none")
	t.Log("published", s.Configure(with("one")).Published)
	one := show("one ")
	n := s.Configure(with("two")).Published
	two := show("two ")
	t.Log("published", n)
	s.Configure(with(""))
	again := show("none")
	if one != none {
		t.Error("default header policies apply, docs/gateway-api.md says they do not")
	}
	if strings.Contains(two, "one") || again != none {
		t.Error("policies of a former configuration remain")
	}
	fresh := newSystem(t, with(""))
	fresh.Step(append(gatewayService(), gatewayClass(), gatewayOf("infra", "web", 0, 1, nil, nil, "8080/"), r, f))
	sameState(t, fresh.state(), s.state())
}

// An edit without effect on the verdict on a route does not derive its root again.
func TestAnEditWithoutEffectOnARoute(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	s.Step([]store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, nil, nil, "8080/"), httpRoute("n", "r", 1, []string{"infra/web"}, "a.example", "b.example")})
	before := map[string]uint64{}
	for _, st := range s.Stats() {
		before[st.Table] = uint64(st.Runs)
	}
	x := httpRoute("n", "r", 1, []string{"infra/web"}, "a.example", "b.example")
	x.Object.(*gatewayv1.HTTPRoute).Generation = 2
	s.Step([]store.Change{x})
	for _, st := range s.Stats() {
		if d := uint64(st.Runs) - before[st.Table]; d > 0 {
			t.Log(st.Table, d)
			if st.Table == "compile/root" {
				t.Error("compile/root is derived although gatewayapi/routes is equal")
			}
		}
	}
}

// A GRPCRoute that an older HTTPRoute rejects does not reject younger ones.
func TestARejectedRouteIsNoRival(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	g := []string{"infra/web"}
	s.Step([]store.Change{
		gatewayClass(), gatewayOf("infra", "web", 0, 1, nil, nil, "8080/"),
		httpRoute("old", "old", 1, g, "old.example"), grpcRoute("evil", "evil", 2, g), httpRoute("young", "young", 3, g, "young.example"),
	})
	t.Log("old  ", s.accepted(t, kobj.HTTPRoute, "old", "old"))
	t.Log("evil ", s.accepted(t, kobj.GRPCRoute, "evil", "evil"))
	t.Log("young", s.accepted(t, kobj.HTTPRoute, "young", "young"))
	if a := s.accepted(t, kobj.HTTPRoute, "young", "young"); !strings.HasPrefix(a, "True") {
		t.Error("young is rejected although evil is not attached:", a)
	}
}

// A GRPCRoute of which no rule can be served rejects no HTTPRoutes.
func TestABrokenRouteIsNoRival(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	g := []string{"infra/web"}
	evil := grpcRoute("evil", "evil", 2, g)
	evil.Object.(*gatewayv1.GRPCRoute).Spec.Rules = []gatewayv1.GRPCRouteRule{{Filters: []gatewayv1.GRPCRouteFilter{{Type: "ExtensionRef"}}}}
	s.Step([]store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, nil, nil, "8080/"), evil, httpRoute("young", "young", 3, g, "young.example")})
	t.Log("evil ", s.accepted(t, kobj.GRPCRoute, "evil", "evil"))
	t.Log("young", s.accepted(t, kobj.HTTPRoute, "young", "young"))
	if a := s.accepted(t, kobj.HTTPRoute, "young", "young"); !strings.HasPrefix(a, "True") {
		t.Error("young is rejected although evil is not accepted:", a)
	}
}

// The cost of the edit of a hostname does not depend on the number of routes of the listener.
func TestTheEditOfAHostnameOfABusyListener(t *testing.T) {
	var cost []uint64
	for _, n := range []int{50, 200} {
		s := newSystem(t, gatewayConfig("10.0.0.0/24"))
		g := []string{"infra/web"}
		batch := []store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, nil, nil, "8080/"), grpcRoute("evil", "evil", n+1000, g)}
		for i := range n {
			batch = append(batch, httpRoute(fmt.Sprint("ns", i), "r", i+1, g, fmt.Sprintf("h%d.example", i)))
		}
		s.Step(append(batch, httpRoute("new", "r", n+10, g, "new.example")))
		before := s.runsOf("gatewayapi/routes") + s.runsOf("gatewayapi/attachments") + s.runsOf("gatewayapi/verdicts") + s.runsOf("status/desired")
		s.Step([]store.Change{httpRoute("new", "r", n+10, g, "newer.example")})
		cost = append(cost, s.runsOf("gatewayapi/routes")+s.runsOf("gatewayapi/attachments")+s.runsOf("gatewayapi/verdicts")+s.runsOf("status/desired")-before)
		if a := s.accepted(t, kobj.GRPCRoute, "evil", "evil"); !strings.HasPrefix(a, "False NotAllowedByListeners") {
			t.Error("the youngest route:", a)
		}
	}
	if cost[0] != cost[1] || cost[0] == 0 {
		t.Errorf("derivations with few and many routes: %d", cost)
	}
}

// runsOf returns how often values of a table have been derived.
func (s *system) runsOf(name string) uint64 {
	for _, stat := range s.Stats() {
		if stat.Table == name {
			return uint64(stat.Runs)
		}
	}
	return 0
}

// One route with long hostnames on all listeners of several Gateways costs little, and its parents after the first one are refused.
func TestARouteWithManyHostnamesOnListeners(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	var listeners, gateways, hosts []string
	for i := range 64 {
		listeners = append(listeners, fmt.Sprint(8000+i, "/"))
	}
	batch := []store.Change{gatewayClass()}
	for i := range 4 {
		batch = append(batch, gatewayOf("evil", fmt.Sprint("g", i), 0, 1, nil, nil, listeners...))
		gateways = append(gateways, fmt.Sprint("evil/g", i))
	}
	s.Step(batch)
	for i := range 16 {
		hosts = append(hosts, strings.Repeat(fmt.Sprintf("%c.", 'a'+i), 119)+fmt.Sprintf("%c", 'a'+i))
	}
	before := allocated()
	s.Step([]store.Change{httpRoute("evil", "r", 1, gateways, hosts...)})
	if mb := (allocated() - before) >> 20; mb > 200 {
		t.Errorf("%d MB are allocated", mb)
	}
	accepted := strings.Split(s.accepted(t, kobj.HTTPRoute, "evil", "r"), ";")
	for i, a := range accepted {
		if strings.HasPrefix(a, "True") != (i == 0) {
			t.Errorf("parent %d: %s", i, a)
		}
	}
}

// allocated returns the bytes that have been allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// With owners of hostnames, namespaces share one on a listener of exactly that hostname that admits routes of several; on others, the
// oldest route owns it for its namespace. A route that is served on no listener is not accepted.
func TestNamespacesShareTheHostnameOfAListener(t *testing.T) {
	const owned = `Host "a.example" belongs to namespace "one"`
	same := func(g store.Change, listener int) store.Change {
		g.Object.(*gatewayv1.Gateway).Spec.Listeners[listener].AllowedRoutes.Namespaces.From = ptr(gatewayv1.NamespacesFromSame)
		return g
	}
	for name, c := range map[string]struct {
		gateway  store.Change
		accepted string // of the younger route
		message  string
		routes   map[string]int // of the host, by listener
	}{
		"without a hostname": {gatewayOf("infra", "web", 0, 1, nil, nil, "8080/"), "False", owned, map[string]int{"8080": 1}},
		"with a wildcard":    {gatewayOf("infra", "web", 0, 1, nil, nil, "8080/*.example"), "False", owned, map[string]int{"8080": 1}},
		"with the hostname":  {gatewayOf("infra", "web", 0, 1, nil, nil, "8080/a.example"), "True", "The route is accepted.", map[string]int{"8080": 2}},
		"on one of two": {
			gatewayOf("infra", "web", 0, 1, nil, nil, "8080/a.example", "8081/"), "True",
			"The route is accepted. " + owned + " on some of the listeners",
			map[string]int{"8080": 2, "8081": 1},
		},
		"of the namespace": {same(gatewayOf("infra", "web", 0, 1, nil, nil, "8080/a.example", "8081/"), 0), "False", owned, map[string]int{"8080": 0, "8081": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			config := gatewayConfig("10.0.0.0/24")
			config.Objects.NamespacesOwnHosts = true
			s := newSystem(t, config)
			g := []string{"infra/web"}
			younger := httpRoute("two", "r", 2, g, "a.example")
			younger.Object.(*gatewayv1.HTTPRoute).Spec.Rules[0].Matches = []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: ptr(gatewayv1.PathMatchPathPrefix), Value: ptr("/two")}}}
			s.Step([]store.Change{gatewayClass(), c.gateway, httpRoute("one", "r", 1, g, "a.example"), younger})
			got := s.accepted(t, kobj.HTTPRoute, "two", "r")
			if !strings.HasPrefix(got, c.accepted) || !strings.Contains(got, c.message) {
				t.Errorf("Accepted is %s", got)
			}
			for port, want := range c.routes {
				h, _ := s.Compile.VirtualHosts.Peek(ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "infra_web_" + port}, Hostname: "a.example"})
				var routes int
				if h != nil {
					routes = len(h.Routes)
				}
				if routes != want {
					t.Errorf("port %s has %d routes, want %d", port, routes, want)
				}
			}
		})
	}
}

// Tracing applies to the listeners of Gateways.
func TestTracingAppliesToGateways(t *testing.T) {
	c := gatewayConfig("10.0.0.0/24")
	c.Tracing.Collector = kobj.Name{Namespace: "ops", Name: "otel"}
	s := newSystem(t, c)
	e := &contourv1alpha1.ExtensionService{ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: "otel"}}
	e.Spec.Services = []contourv1alpha1.ExtensionServiceTarget{{Name: "otel", Port: 4317}}
	sv := gatewayService()[0].Object.(*corev1.Service)
	sv.Namespace, sv.Name, sv.Spec.Ports[0].Port = "ops", "otel", 4317
	s.Step([]store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, nil, nil, "8080/"), {Key: kobj.Of(kobj.Service, "ops", "otel"), Object: sv}, {Key: kobj.Of(kobj.ExtensionService, "ops", "otel"), Object: e}})
	a, _ := s.Compile.Listeners.Peek(ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "ingress_http"})
	b, _ := s.Compile.Listeners.Peek(ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "infra_web_8080"})
	if (a.Client.Tracing == nil) != (b.Client.Tracing == nil) {
		t.Error("ingress_http is traced", a.Client.Tracing != nil, "infra_web_8080", b.Client.Tracing != nil)
	}
}
