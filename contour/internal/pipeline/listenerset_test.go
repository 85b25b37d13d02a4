package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/provision"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/store"
)

// openGateway returns a Gateway that allows all ListenerSets; the listeners are as of gatewayOf.
func openGateway(ns, name, address string, listeners ...string) store.Change {
	c := gatewayOf(ns, name, 0, 1, []string{address}, nil, listeners...)
	c.Object.(*gatewayv1.Gateway).Spec.AllowedListeners = &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: ptr(gatewayv1.NamespacesFromAll)}}
	return c
}

// listenerSetOf returns a ListenerSet of Gateway infra/web; the listeners, for all namespaces, are "port/hostname": for HTTPS with a port
// that ends in 443, for TLS that is passed through with one that ends in 444.
func listenerSetOf(ns, name string, age int, listeners ...string) store.Change {
	s := &gatewayv1.ListenerSet{ObjectMeta: ageOf(ns, name, age, 1)}
	s.Spec.ParentRef = gatewayv1.ParentGatewayReference{Name: "web", Namespace: ptr(gatewayv1.Namespace("infra"))}
	of := gatewayOf(ns, name, age, 1, nil, nil, listeners...).Object.(*gatewayv1.Gateway)
	for i := range of.Spec.Listeners {
		l := gatewayv1.ListenerEntry(of.Spec.Listeners[i])
		if l.Port%1000 == 443 {
			l.Protocol = gatewayv1.HTTPSProtocolType
			l.TLS = &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "cert"}}}
		}
		if l.Port%1000 == 444 {
			l.Protocol, l.TLS = gatewayv1.TLSProtocolType, &gatewayv1.ListenerTLSConfig{Mode: ptr(gatewayv1.TLSModePassthrough)}
		}
		s.Spec.Listeners = append(s.Spec.Listeners, l)
	}
	return store.Change{Key: kobj.Of(kobj.ListenerSet, ns, name), Object: s}
}

// toSet makes the parentRefs of a route those of ListenerSets.
func toSet(c store.Change) store.Change {
	for i := range c.Object.(*gatewayv1.HTTPRoute).Spec.ParentRefs {
		c.Object.(*gatewayv1.HTTPRoute).Spec.ParentRefs[i].Kind = ptr(gatewayv1.Kind(kobj.ListenerSet))
	}
	return c
}

// setStatus returns the conditions of a set, and Accepted and Conflicted of its listeners.
func (s *system) setStatus(t *testing.T, ns, name string) string {
	t.Helper()
	d, ok := s.Status.Desired.Peek(kobj.Of(kobj.ListenerSet, ns, name))
	if !ok || d == nil || d.Status == nil {
		return ""
	}
	status := d.Status.(*gatewayv1.ListenerSetStatus)
	var out []string
	for _, c := range status.Conditions {
		out = append(out, c.Type+"="+c.Reason)
	}
	for _, l := range status.Listeners {
		for _, c := range l.Conditions {
			if c.Type == "Accepted" {
				out = append(out, string(l.Name)+"="+c.Reason)
			}
		}
	}
	return strings.Join(out, " ")
}

func (s *system) attachedSets(t *testing.T, ns, name string) int32 {
	t.Helper()
	d, _ := s.Status.Desired.Peek(kobj.Of(kobj.Gateway, ns, name))
	if n := d.Status.(*gatewayv1.GatewayStatus).AttachedListenerSets; n != nil {
		return *n
	}
	return 0
}

// answered sends a request to Gateway infra/web, and returns the status and the location.
func (s *system) answered(t *testing.T, host string) string {
	t.Helper()
	a, err := s.model(t).Send(semantic.Request{To: "10.0.0.9:8080", Host: host, Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprint(a.Status, " ", a.Location))
}

// A hostname belongs to the first that claims it: the Gateway, then the oldest set. When it is given back, the next one has it in the same
// step, and its routes with it.
func TestAHostnameBelongsToTheFirstClaim(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	route := func(set, to string) store.Change {
		c := toSet(httpRoute(set, "r", 9, []string{set + "/set"}))
		c.Object.(*gatewayv1.HTTPRoute).Spec.Rules[0].Filters[0].RequestRedirect.Hostname = ptr(gatewayv1.PreciseHostname(to))
		return c
	}
	expect := func(step, answer, team, evil string, attached int32) {
		t.Helper()
		if got := s.answered(t, "h.example"); got != answer {
			t.Errorf("%s: %s, want %s", step, got, answer)
		}
		if got := s.setStatus(t, "team", "set"); got != team {
			t.Errorf("%s: team: %s, want %s", step, got, team)
		}
		if got := s.setStatus(t, "evil", "set"); got != evil {
			t.Errorf("%s: evil: %s, want %s", step, got, evil)
		}
		if got := s.attachedSets(t, "infra", "web"); got != attached {
			t.Errorf("%s: %d sets are attached, want %d", step, got, attached)
		}
	}
	const good, bad = "Accepted=Accepted Programmed=Pending l0=Accepted", "Accepted=ListenersNotValid Programmed=ListenersNotValid l0=HostnameConflict"
	s.Step([]store.Change{
		gatewayClass(), openGateway("infra", "web", "10.0.0.9", "8080/own.example"), listenerSetOf("evil", "set", 2, "8080/h.example"),
		listenerSetOf("team", "set", 1, "8080/h.example"), route("team", "team.example"), route("evil", "evil.example"),
	})
	expect("at first", "302 http://team.example:8080/", good, bad, 1)
	s.Step([]store.Change{openGateway("infra", "web", "10.0.0.9", "8080/own.example", "8080/h.example")})
	expect("the Gateway claims it", "404", bad, bad, 0)
	s.Step([]store.Change{openGateway("infra", "web", "10.0.0.9", "8080/own.example")})
	expect("the Gateway gives it back", "302 http://team.example:8080/", good, bad, 1)
	s.Step([]store.Change{{Key: kobj.Of(kobj.ListenerSet, "team", "set")}})
	expect("the older set is deleted", "302 http://evil.example:8080/", "", good, 1)
	s.Step([]store.Change{listenerSetOf("team", "set", 1, "8080/h.example")})
	expect("an older set", "302 http://team.example:8080/", good, bad, 1)
	closed := openGateway("infra", "web", "10.0.0.9", "8080/own.example")
	closed.Object.(*gatewayv1.Gateway).Spec.AllowedListeners.Namespaces.From = ptr(gatewayv1.NamespacesFromSelector)
	closed.Object.(*gatewayv1.Gateway).Spec.AllowedListeners.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "evil"}}
	s.Step([]store.Change{closed, labelled("evil")})
	expect("only evil is allowed", "302 http://evil.example:8080/", "Accepted=NotAllowed Programmed=NotAllowed", good, 1)
	s.Step([]store.Change{{Key: kobj.Of(kobj.Namespace, "", "evil")}})
	expect("no namespace is allowed", "404", "Accepted=NotAllowed Programmed=NotAllowed", "Accepted=NotAllowed Programmed=NotAllowed", 0)
}

// A namespace that exceeds its budgets by a set loses the listeners of the set, and no other ones.
func TestBudgetsOfListenerSets(t *testing.T) {
	c := gatewayConfig("10.0.0.0/24")
	c.Budgets.Listeners, c.Budgets.TLSHosts = 2, 2
	for name, listeners := range map[string][]string{
		"ports":  {"8081", "8082", "8083"},
		"chains": {"8444/a.example", "8444/b.example", "8444/c.example"},
	} {
		s := newSystem(t, c)
		s.Step([]store.Change{
			gatewayClass(), openGateway("infra", "web", "10.0.0.9", "8080/own.example"), listenerSetOf("team", "set", 1, "8080/h.example"),
			listenerSetOf("evil", "set", 2, listeners...), toSet(httpRoute("team", "r", 9, []string{"team/set"})),
		})
		if got := s.answered(t, "h.example"); got != "302 http://x.example:8080/" {
			t.Errorf("%s: the set of another namespace: %s", name, got)
		}
		for k := range values(s.Compile.Listeners) {
			if strings.HasPrefix(k.Name, "infra_web_") && !strings.HasPrefix(k.Name, "infra_web_8080") {
				t.Errorf("%s: listener %s", name, k.Name)
			}
		}
		if got := s.setStatus(t, "evil", "set"); !strings.Contains(got, "Programmed=Invalid") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Work is proportional to the change with 1,000 listeners of ListenerSets: what others have is not derived again.
func TestWorkOnListenerSetsIsProportionalToTheChange(t *testing.T) {
	few, many := countSetWork(t, 2), countSetWork(t, 40)
	for name, w := range few {
		if many[name] != w {
			t.Errorf("%s: %+v among few, %+v among many", name, w, many[name])
		}
	}
	if len(few) != len(many) || len(few) < 8 {
		t.Errorf("%d and %d kinds of change", len(few), len(many))
	}
}

// countSetWork makes a change of each kind with that many sets for HTTP, and as many for HTTPS, of 25 listeners each.
func countSetWork(t *testing.T, sets int) map[string]work {
	const each = 25
	c := gatewayConfig("10.0.0.0/16")
	c.Budgets.Listeners, c.Budgets.TLSHosts, c.RouteTables.Hosts = 0, 0, 1_000_000 // one route table, which no count changes
	sys := newSystem(t, c)
	world := []store.Change{gatewayClass(), openGateway("infra", "web", "10.0.0.9", "80/own.example")}
	for i := range sets {
		var plain, secure []string
		for j := range each {
			plain = append(plain, fmt.Sprintf("80/h%d.s%d.example", j, i))
			secure = append(secure, fmt.Sprintf("443/h%d.s%d.example", j, i))
		}
		name := fmt.Sprintf("s%03d", i)
		world = append(world, listenerSetOf("team", name, 1, plain...), listenerSetOf("team", "tls-"+name, 1, secure...),
			toSet(forwarding("r"+name, "team/"+name, fmt.Sprintf("h0.s%d.example", i), "service-0")))
	}
	sys.Step(world)
	counts := map[string]work{}
	note := func(name string, r pipeline.Result) {
		w := work{r.Derivations, r.Published, len(r.Hosts), len(r.Statuses)}
		t.Logf("%s among %d sets: %+v", name, sets, w)
		counts[name] = w
	}
	step := func(name string, changes ...store.Change) { note(name, sys.Step(changes)) }
	var wide []string
	for j := range 64 {
		wide = append(wide, fmt.Sprintf("80/wide%d.example", j))
	}
	step("an added set with 64 listeners", listenerSetOf("evil", "wide", 5, wide...))
	step("another hostname", listenerSetOf("evil", "wide", 5, append(wide[1:], "80/other.example")...))
	step("all hostnames of another set", listenerSetOf("evil", "late", 6, "80/h1.s1.example", "80/h2.s1.example", "80/wide5.example"))
	step("an older set", listenerSetOf("evil", "early", 0, "80/wide7.example"))
	step("its deletion", store.Change{Key: kobj.Of(kobj.ListenerSet, "evil", "early")})
	step("a deleted set", store.Change{Key: kobj.Of(kobj.ListenerSet, "evil", "wide")})
	step("an added HTTPS listener", listenerSetOf("evil", "secure", 5, "443/added.example"))
	step("a removed HTTPS listener", store.Change{Key: kobj.Of(kobj.ListenerSet, "evil", "secure")})
	step("an added route of a set", toSet(forwarding("added", "team/s001", "h3.s1.example", "service-0")))
	step("a listener of the Gateway", openGateway("infra", "web", "10.0.0.9", "80/own.example", "80/h4.s1.example"))
	step("a narrower listener", listenerSetOf("evil", "narrow", 5, "80/x.h5.s1.example"))
	step("an older port", listenerSetOf("evil", "a-first", 0, "443/first.example"))
	return counts
}

// labelled returns a namespace with the label that the API server gives it.
func labelled(name string) store.Change {
	return store.Change{Key: kobj.Of(kobj.Namespace, "", name), Object: &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}},
	}}
}

// A fleet of a Gateway has the ports of its ListenerSets, and they may not have those of Envoy itself.
func TestPortsOfListenerSetsAreThoseOfTheFleet(t *testing.T) {
	c := gatewayConfig()
	c.Gateways.Provision = true
	s := newSystem(t, c)
	ports := func() string {
		of, _ := s.Compile.Gateways.Fleets.Peek(kobj.Name{Namespace: "infra", Name: "web"})
		if of.Fleet == nil {
			t.Fatal("no fleet")
		}
		return fmt.Sprint(of.Fleet.Ports)
	}
	g := openGateway("infra", "web", "10.0.0.9", "8080/own.example")
	g.Object.(*gatewayv1.Gateway).Spec.Addresses = nil
	s.Step([]store.Change{gatewayClass(), g, listenerSetOf("team", "set", 1, "8081/h.example", "8080/h.example"), listenerSetOf("team", "stats", 1, fmt.Sprint(provision.StatsPort))})
	if got := ports(); got != "[{8080 false} {8081 false}]" {
		t.Errorf("with a set: %s", got)
	}
	if got := s.setStatus(t, "team", "stats"); got != "Accepted=ListenersNotValid Programmed=ListenersNotValid l0=PortUnavailable" {
		t.Errorf("a port of Envoy: %s", got)
	}
	for k := range values(s.Compile.Listeners) {
		if strings.HasPrefix(k.Name, "infra_web_") && k.Fleet == ir.DefaultFleet {
			t.Errorf("listener %v", k)
		}
	}
	s.Step([]store.Change{{Key: kobj.Of(kobj.ListenerSet, "team", "set")}})
	if got := ports(); got != "[{8080 false}]" {
		t.Errorf("without the set: %s", got)
	}
}

// ListenerSets add at most 64 ports to a Gateway, whatever the budgets of their namespaces are: with more, its Service could not be applied,
// and the Gateway would have no address. Those of older sets precede.
func TestPortsOfListenerSetsAreBounded(t *testing.T) {
	c := gatewayConfig()
	c.Gateways.Provision, c.Budgets.Listeners = true, 2
	s := newSystem(t, c)
	g := openGateway("infra", "web", "10.0.0.9", "8080/own.example")
	g.Object.(*gatewayv1.Gateway).Spec.Addresses = nil
	changes := []store.Change{gatewayClass(), g, listenerSetOf("late", "set", 5, "9000/h.example", "8080/h.example", "10001/late.example")}
	for i := range 20 {
		var ports []string
		for j := range 64 {
			ports = append(ports, fmt.Sprintf("%d/h.example", 10000+i*64+j))
		}
		changes = append(changes, listenerSetOf("evil", fmt.Sprintf("set%02d", i), 2, ports...))
	}
	s.Step(changes)
	ports := func() int {
		of, _ := s.Compile.Gateways.Fleets.Peek(kobj.Name{Namespace: "infra", Name: "web"})
		return len(of.Fleet.Ports)
	}
	if got := ports(); got != 1+64 {
		t.Errorf("the Service has %d ports, want 65", got)
	}
	if got := s.setStatus(t, "late", "set"); !strings.Contains(got, "l0=PortUnavailable l1=Accepted l2=Accepted") {
		t.Errorf("a later set: %s", got)
	}
	s.Step([]store.Change{listenerSetOf("early", "set", 1, "9001/h.example")})
	if got := s.setStatus(t, "early", "set"); ports() != 1+64 || !strings.Contains(got, "l0=Accepted") {
		t.Errorf("an earlier set: %d ports, %s", ports(), got)
	}
	s.Step([]store.Change{{Key: kobj.Of(kobj.ListenerSet, "evil", "set00")}})
	if got := s.setStatus(t, "evil", "set01"); ports() != 1+64 || !strings.Contains(got, "l62=Accepted l63=PortUnavailable") {
		t.Errorf("when ports are given back: %d ports, %s", ports(), got)
	}
}

// A Gateway that exceeds the budgets of its namespace gets no Envoys, and keeps those that it has.
func TestFleetsOfGatewaysBeyondTheBudgets(t *testing.T) {
	c := gatewayConfig()
	c.Gateways.Provision, c.Budgets.Listeners = true, 3 // of which each has one for its statistics
	s := newSystem(t, c)
	gateway := func(name string, listeners ...string) store.Change {
		return gatewayOf("infra", name, 0, 1, nil, nil, listeners...)
	}
	expect := func(step, name string, fleet, keep bool) {
		t.Helper()
		of, _ := s.Compile.Gateways.Fleets.Peek(kobj.Name{Namespace: "infra", Name: name})
		if (of.Fleet != nil) != fleet || of.Keep != keep {
			t.Errorf("%s: %s has %+v", step, name, of)
		}
	}
	s.Step([]store.Change{gatewayClass(), gateway("a", "8080"), gateway("b", "8080")})
	expect("two Gateways", "a", true, false)
	expect("two Gateways", "b", false, true)
	s.Step([]store.Change{gateway("a", "8080", "8081", "8082")})
	expect("more listeners", "a", false, true)
	expect("more listeners", "b", true, false)
}

// With owners of hostnames, namespaces share that of a listener of a ListenerSet in the namespace of the Gateway, or of the oldest route of
// the listener: another tenant does not give away what belongs to that one.
func TestWhoseListenerSetsShareTheirHostnames(t *testing.T) {
	for namespace, want := range map[string]int{"infra": 2, "two": 2, "other": 1} {
		t.Run("set of "+namespace, func(t *testing.T) {
			config := gatewayConfig("10.0.0.0/24")
			config.Objects.NamespacesOwnHosts = true
			s := newSystem(t, config)
			set := []string{namespace + "/set"}
			two, three := toSet(httpRoute("two", "attached", 2, set, "a.example")), toSet(httpRoute("three", "attached", 3, set, "a.example"))
			two.Object.(*gatewayv1.HTTPRoute).Spec.Rules[0].Matches = []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: ptr(gatewayv1.PathMatchPathPrefix), Value: ptr("/two")}}}
			s.Step([]store.Change{
				gatewayClass(), openGateway("infra", "web", "10.0.0.9", "8080/"),
				listenerSetOf(namespace, "set", 2, "8080/a.example"), two, three,
			})
			h, _ := s.Compile.VirtualHosts.Peek(ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "infra_web_8080"}, Hostname: "a.example"})
			got := 0
			if h != nil {
				got = len(h.Routes)
			}
			if got != want {
				t.Errorf("%d routes are served, want %d", got, want)
			}
			if a := s.accepted(t, kobj.HTTPRoute, "three", "attached"); strings.HasPrefix(a, "True") != (want == 2) {
				t.Errorf("Accepted is %s", a)
			}
		})
	}
}
