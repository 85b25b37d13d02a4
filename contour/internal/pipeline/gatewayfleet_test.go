package pipeline_test

import (
	"slices"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
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
