package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// A Gateway whose listeners are not valid for a moment keeps its address, though another one claims it.
func TestAGatewayKeepsItsAddressWhileItIsNotValid(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	s.Step([]store.Change{gatewayClass(), gatewayOf("victim", "web", 0, 1, nil, nil, "8080/")})
	a := s.addresses("victim", "web")
	s.Step([]store.Change{gatewayOf("victim", "web", 0, 1, nil, a, "8080/"), gatewayOf("evil", "evil", 5, 1, a, nil, "8080/")})
	t.Log("recorded", a, "evil", s.addresses("evil", "evil"))
	s.Step([]store.Change{gatewayOf("victim", "web", 0, 2, nil, a, "8080/", "8080/")}) // two equal listeners: in conflict
	b := s.addresses("victim", "web")
	t.Log("while not valid", b)
	s.Step([]store.Change{gatewayOf("victim", "web", 0, 2, nil, b, "8080/", "8080/")}) // the status is written
	s.Step([]store.Change{gatewayOf("victim", "web", 0, 3, nil, b, "8080/")})          // and repaired
	t.Log("victim", s.addresses("victim", "web"), "evil", s.addresses("evil", "evil"))
	if got := s.addresses("victim", "web"); fmt.Sprint(got) != fmt.Sprint(a) {
		t.Error("the address went to another one")
	}
}

// A static address keeps its Gateway, in whatever notation it is.
func TestAStaticAddressInAnotherNotation(t *testing.T) {
	s := newSystem(t, gatewayConfig("2001:db8::/112"))
	s.Step([]store.Change{gatewayClass(), gatewayOf("evil", "old", 0, 1, nil, nil, "8080/"), gatewayOf("victim", "web", 5, 1, []string{"2001:DB8::1"}, nil, "8080/")})
	a, e := s.addresses("victim", "web"), s.addresses("evil", "old")
	t.Log(a, e)
	s.Step([]store.Change{gatewayOf("evil", "old", 0, 1, nil, e, "8080/"), gatewayOf("victim", "web", 5, 1, []string{"2001:DB8::1"}, a, "8080/")})
	s.Step([]store.Change{gatewayOf("evil", "old", 0, 2, []string{"2001:db8::1"}, e, "8080/")})
	t.Log("victim", s.addresses("victim", "web"), "evil", s.addresses("evil", "old"))
	if fmt.Sprint(s.addresses("victim", "web")) != fmt.Sprint(a) {
		t.Error("stolen by an older Gateway")
	}
}

// An address in two notations is one address.
func TestAnAddressInTwoNotations(t *testing.T) {
	s := newSystem(t, gatewayConfig("2001:db8::/112"))
	s.Step([]store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"2001:DB8::1", "2001:db8::1"}, nil, "8080/")})
	l, _ := s.Compile.Listeners.Peek(ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "infra_web_8080"})
	t.Log(s.addresses("infra", "web"), l.Addresses)
	if len(l.Addresses) != 1 {
		t.Error("the listener has an address twice")
	}
}

// A Gateway keeps an address that is not in its status yet.
func TestAnAddressBeforeItIsRecorded(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	s.Step([]store.Change{gatewayClass(), gatewayOf("victim", "web", 0, 1, nil, nil, "8080/")})
	a := s.addresses("victim", "web")
	s.Step([]store.Change{gatewayOf("evil", "evil", 5, 1, a, nil, "8080/")})
	t.Log("had", a, "has", s.addresses("victim", "web"), "evil", s.addresses("evil", "evil"))
	if fmt.Sprint(s.addresses("victim", "web")) != fmt.Sprint(a) {
		t.Error("stolen")
	}
}

// A Gateway that exceeds a budget has no listeners.
func TestAGatewayOverBudgetHasNoListeners(t *testing.T) {
	c := gatewayConfig("10.0.0.0/24")
	c.Budgets.VirtualHosts = 4
	s := newSystem(t, c)
	var ls []string
	for i := range 64 {
		ls = append(ls, fmt.Sprint(8000+i, "/"))
	}
	s.Step([]store.Change{gatewayClass(), gatewayOf("evil", "web", 0, 1, nil, nil, ls...)})
	n := 0
	for k, l := range values(s.Compile.Listeners) {
		if l != nil && strings.HasPrefix(k.Name, "evil_") {
			n++
		}
	}
	d, _ := s.Compile.Objects.Peek(kobj.Of(kobj.Gateway, "evil", "web"))
	hosts := 0
	for k, h := range values(s.Compile.VirtualHosts) {
		if h != nil && strings.HasPrefix(k.Listener.Name, "evil_") {
			hosts++
		}
	}
	t.Log(n, "listeners", hosts, "hosts", d.Diagnostics)
	if n > 4 {
		t.Error("listeners are not charged")
	}
}

// A listener is not programmed any more when its Gateway has lost its address.
func TestAListenerWithoutAddressIsNotProgrammed(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/24"))
	c := gatewayOf("infra", "web", 0, 1, []string{"10.0.0.9"}, []string{"10.0.0.9"}, "8080/")
	g := c.Object.(*gatewayv1.Gateway)
	g.Status.Listeners = []gatewayv1.ListenerStatus{{Name: "l0", Conditions: []metav1.Condition{{Type: "Programmed", Status: "True", Reason: "Programmed", ObservedGeneration: 1}}}}
	s.Step([]store.Change{gatewayClass(), c})
	s.Configure(gatewayConfig("10.1.0.0/24"))
	d, _ := s.Status.Desired.Peek(c.Key)
	k := kind.All().Get(kobj.Gateway)
	next := k.Status.Next(d.Status, g, stagetest.Now()).(*gatewayv1.GatewayStatus)
	for _, x := range next.Conditions {
		t.Log("gateway ", x.Type, x.Status, x.Reason)
	}
	for _, x := range next.Listeners[0].Conditions {
		t.Log("listener", x.Type, x.Status, x.Reason, x.Message)
		if x.Type == "Programmed" && x.Status == "True" {
			t.Error("the listener is programmed without an address")
		}
	}
	t.Log("addresses", next.Addresses)
}

// A Gateway that exceeds a budget answers nothing, so that no broader listener serves its hosts.
func TestIsolationOfAGatewayOverBudget(t *testing.T) {
	c := gatewayConfig("10.0.0.0/24")
	c.Budgets.VirtualHosts = 1
	s := newSystem(t, c)
	s.Step([]store.Change{gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"10.0.0.9"}, nil, "8080/*.example.com", "8080/aa.example.com"), httpRoute("evil", "r", 1, []string{"infra/web"}, "*.example.com")})
	a, err := s.model(t).Send(semantic.Request{To: "10.0.0.9:8080", Host: "aa.example.com", Path: "/bar"})
	t.Log(err, a.Status, a.Location)
	if a.Status == 302 {
		t.Error("listener isolation ends when the Gateway exceeds a budget")
	}
}

// An edit of one Gateway does not look at those that wait for an address; an address that is given back goes to the oldest
// of them.
func TestAddressesOfAFullRange(t *testing.T) {
	s := newSystem(t, gatewayConfig("10.0.0.0/30"))
	batch := []store.Change{gatewayClass(), gatewayOf("evil", "static", 0, 1, []string{"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"}, nil, "8080/")}
	for i := range 5 {
		batch = append(batch, gatewayOf("n", fmt.Sprint("w", i), 10-i, 1, nil, nil, "8080/"))
	}
	s.Step(append(batch, gatewayOf("m", "wants", 20, 1, []string{"10.0.0.2"}, nil, "8080/")))
	if got := s.addresses("n", "w4"); got != nil {
		t.Fatal(got)
	}
	s.Step([]store.Change{gatewayOf("evil", "static", 0, 2, []string{"10.0.0.0", "10.0.0.1"}, nil, "8080/")})
	if got := fmt.Sprint(s.addresses("m", "wants"), s.addresses("n", "w4"), s.addresses("n", "w3")); got != "[10.0.0.2] [10.0.0.3] []" {
		t.Error("after two addresses were given back:", got)
	}
	s.Step([]store.Change{{Key: kobj.Of(kobj.Gateway, "evil", "static")}})
	if got := len(s.addresses("n", "w3")) + len(s.addresses("n", "w2")); got != 2 {
		t.Error("after all were given back, addresses of the oldest two:", got)
	}
	if got := s.addresses("n", "w1"); got != nil {
		t.Error("more addresses than there are:", got)
	}
	s.Configure(gatewayConfig("10.0.0.0/29"))
	for _, n := range []string{"w4", "w3", "w2", "w1", "w0"} {
		if len(s.addresses("n", n)) != 1 {
			t.Error("a larger range:", n, s.addresses("n", n))
		}
	}
}

// A namespace has no more addresses and listeners than its budgets permit, and others have theirs.
func TestBudgetsOfGateways(t *testing.T) {
	c := gatewayConfig("10.0.0.0/24")
	c.Budgets.Addresses, c.Budgets.Listeners = 2, 3
	s := newSystem(t, c)
	s.Step([]store.Change{
		gatewayClass(), gatewayOf("evil", "a", 0, 1, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, nil, "8080/"), gatewayOf("evil", "b", 1, 1, nil, nil, "8080/"),
		gatewayOf("good", "a", 2, 1, nil, nil, "8080/", "8081/"), gatewayOf("good", "b", 3, 1, []string{"10.0.0.3"}, nil, "8080/", "8081/"),
	})
	if got := fmt.Sprint(s.addresses("evil", "a"), s.addresses("evil", "b"), len(s.addresses("good", "a")), s.addresses("good", "b")); got != "[10.0.0.1 10.0.0.2] [] 1 [10.0.0.3]" {
		t.Error("addresses:", got)
	}
	listeners := map[string]int{}
	for k, l := range values(s.Compile.Listeners) {
		if gateway, _, of := strings.Cut(k.Name, "_8"); of && l != nil {
			listeners[gateway]++
		}
	}
	if got := fmt.Sprint(listeners); got != "map[evil_a:1 good_a:2]" {
		t.Error("listeners:", got)
	}
	s.Step([]store.Change{gatewayOf("evil", "a", 0, 2, []string{"10.0.0.1"}, nil, "8080/")})
	if got := s.addresses("evil", "b"); len(got) != 1 {
		t.Error("an address was given back in the namespace:", got)
	}
}

// A Gateway that waits because its namespace has as many addresses as it may does not keep those that are given back from others.
func TestAWaitingGatewayOverBudgetKeepsNoAddressFromOthers(t *testing.T) {
	c := gatewayConfig("10.0.0.0/30")
	c.Budgets.Addresses = 1
	s := newSystem(t, c)
	batch := []store.Change{gatewayClass()}
	for i, gateway := range []string{"evil/a", "evil/b", "evil/c", "x/a", "y/a", "z/a", "good/late"} {
		namespace, name, _ := strings.Cut(gateway, "/")
		batch = append(batch, gatewayOf(namespace, name, i, 1, nil, nil, "8080/"))
	}
	s.Step(batch)
	if got := s.addresses("good", "late"); got != nil {
		t.Fatal("the range is not full:", got)
	}
	s.Step([]store.Change{{Key: kobj.Of(kobj.Gateway, "x", "a")}})
	if got := len(s.addresses("good", "late")); got != 1 {
		t.Errorf("the only one that may have the address that was given back has %d", got)
	}
}
