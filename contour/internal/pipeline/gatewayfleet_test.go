package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// The pods of a Gateway listen on all their addresses, also if the Envoys of the installation listen on one.
func TestPodsOfAGatewayListenOnAllAddresses(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{"0.0.0.0": "0.0.0.0", "127.0.0.1": "0.0.0.0", "::": "::", "fd00::1": "::"} {
		c := gatewayConfig()
		c.Gateways.Provision, c.Listeners.HTTP.Host = true, host
		s := newSystem(t, c)
		s.Step(append(gatewayService(), gatewayClass(), gatewayOf("a", "web", 1, 1, nil, nil, "80")))
		var got []string
		for _, v := range s.fleets.Get("gw/a/web").All() {
			var l listenerv3.Listener
			if v.Ref.Type != table.Listener || !strings.Contains(v.Ref.Name, "a_web_80") {
				continue
			}
			if err := proto.Unmarshal(v.Body(), &l); err != nil {
				t.Fatal(err)
			}
			got = append(got, l.GetAddress().GetSocketAddress().GetAddress())
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%s: the pods listen on %v, want %s", host, got, want)
		}
	}
}

// Each Gateway has a fleet with its own listeners only, and the edit of one changes nothing of the fleet, the objects or the status of another.
func TestEachGatewayHasAFleet(t *testing.T) {
	t.Parallel()
	c := gatewayConfig()
	c.Gateways.Provision = true
	s := newSystem(t, c)
	first := s.Step(append(gatewayService(), gatewayClass(), gatewayOf("a", "web", 1, 1, nil, nil, "80"), gatewayOf("b", "web", 1, 1, nil, nil, "80")))
	if len(first.Fleets) != 2 {
		t.Errorf("%d fleets, want 2", len(first.Fleets))
	}
	for fleet, other := range map[string]string{"a": "b_web", "b": "a_web"} {
		refs := s.refsOf(ir.Fleet("gw/" + fleet + "/web"))
		if !slices.ContainsFunc(refs, func(r string) bool { return strings.Contains(r, fleet+"_web_80") }) {
			t.Errorf("the fleet of %s/web has %v", fleet, refs)
		}
		if slices.ContainsFunc(refs, func(r string) bool { return strings.Contains(r, other) }) {
			t.Errorf("the fleet of %s/web has resources of another one: %v", fleet, refs)
		}
	}
	before := s.refsOf("gw/b/web")
	r := s.Step([]store.Change{gatewayOf("a", "web", 1, 2, nil, nil, "80", "81")})
	if len(r.Fleets) != 1 || r.Fleets[0].Key != (kobj.Name{Namespace: "a", Name: "web"}) {
		t.Errorf("the edit of one Gateway changes the objects of %v", r.Fleets)
	}
	for _, st := range r.Statuses {
		if st.Key.Kind == kobj.Gateway && st.Key.Namespace != "a" {
			t.Errorf("the edit changes the status of %s", st.Key)
		}
	}
	if after := s.refsOf("gw/b/web"); !slices.Equal(before, after) {
		t.Errorf("the edit changes another fleet: %v, %v", before, after)
	}
}

// A Gateway without a valid listener, which counts for no budget, gets no pods. One that had a valid listener keeps what it has.
func TestPodsNeedAValidListener(t *testing.T) {
	t.Parallel()
	c := gatewayConfig()
	c.Gateways.Provision = true
	s := newSystem(t, c)
	odd := func() store.Change {
		o := gatewayOf("a", "web", 1, 2, nil, nil, "80")
		o.Object.(*gatewayv1.Gateway).Spec.Listeners[0].Protocol = "example.com/odd"
		return o
	}
	fleet := func(when string, changes ...store.Change) (pods, keep bool) {
		t.Helper()
		r := s.Step(changes)
		if len(r.Fleets) != 1 || r.Fleets[0].New == nil {
			t.Fatalf("%s: %+v", when, r.Fleets)
		}
		return r.Fleets[0].New.Fleet != nil, r.Fleets[0].New.Keep
	}
	if pods, keep := fleet("at first", gatewayClass(), odd()); pods || !keep {
		t.Errorf("without a valid listener: pods %t, keep %t", pods, keep)
	}
	if pods, _ := fleet("a listener", gatewayOf("a", "web", 1, 3, nil, nil, "80")); !pods {
		t.Error("no pods with a valid listener")
	}
	if pods, keep := fleet("a mistake", odd()); pods || !keep {
		t.Errorf("after a mistake: pods %t, keep %t", pods, keep)
	}
}

// The Services of a namespace's Gateways, each of which is a load balancer, are at most its addresses: a Gateway beyond that gets no objects, and
// those that exist stay. Others have theirs.
func TestServicesOfGatewaysAreCharged(t *testing.T) {
	t.Parallel()
	c := gatewayConfig()
	c.Gateways.Provision, c.Budgets.Addresses = true, 3
	s := newSystem(t, c)
	world := append(gatewayService(), gatewayClass(), gatewayOf("good", "web", 9, 1, nil, nil, "80"))
	for i := range 1000 {
		world = append(world, gatewayOf("evil", fmt.Sprintf("g%03d", i), i, 1, nil, nil, "80"))
	}
	provisioned := func(r pipeline.Result) (of []string) {
		for _, f := range r.Fleets {
			if f.New != nil && f.New.Fleet != nil {
				of = append(of, f.Key.String())
			}
		}
		slices.Sort(of)
		return of
	}
	if got, want := provisioned(s.Step(world)), []string{"evil/g000", "evil/g001", "evil/g002", "good/web"}; !slices.Equal(got, want) {
		t.Errorf("1000 Gateways: %v have fleets, want %v", got, want)
	}
	r := s.Step([]store.Change{gatewayOf("evil", "g000", 0, 2, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}, nil, "80")})
	for _, f := range r.Fleets {
		if f.Key.Name == "g000" && (f.New == nil || f.New.Fleet != nil || !f.New.Keep) {
			t.Errorf("a Gateway with four addresses: %+v", f.New)
		}
	}
	if got := s.complaintsOf(kobj.Of(kobj.Gateway, "evil", "g000")); !strings.Contains(got, "4 of 3 addresses of Gateways") {
		t.Errorf("its conditions do not say why: %s", got)
	}
}

// complaintsOf returns the complaints about an object.
func (s *system) complaintsOf(k kobj.Key) string {
	all := slices.DeleteFunc(s.complaints(), func(c string) bool { return !strings.HasPrefix(c, k.String()) })
	return strings.Join(all, "; ")
}
