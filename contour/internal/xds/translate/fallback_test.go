package translate

import (
	"slices"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/xds/table"
)

// Every part of a route table or of a listener for connections has a fallback, which is valid, answers for the same
// requests or connections, and answers with an error.
func TestEveryPartHasAFallback(t *testing.T) {
	r := newRandom(randomtest.Seed(t))
	for range 200 {
		v := r.host()
		checkFallbacks(t, routesOf(v))
		if v.Key.Listener == classic.HTTPS() {
			checkFallbacks(t, chainsOf(classicListeners(), v))
		}
	}
	shared := sharedHost(nil, []table.Part{{Name: "a.example.com"}, {Name: "b.example.com"}})
	checkFallbacks(t, routeConfiguration("shared", []table.Part{shared}))
	checkFallbacks(t, rawListener(ir.ListenTCP))
}

// checkFallbacks compares the resource with one that has all its fallbacks.
func checkFallbacks(t *testing.T, r *table.Resource) {
	t.Helper()
	closed := *r
	closed.Parts = slices.Clone(r.Parts)
	for i, p := range r.Parts {
		if closed.Parts[i].Body = Fallback(r.Ref.Type, r.Field, p.Body); closed.Parts[i].Body == nil {
			t.Fatalf("part %s of %s has no fallback", p.Name, r.Ref)
		}
	}
	checkValid(t, &closed)
	switch is := decode(t, &closed).(type) {
	case *routev3.RouteConfiguration:
		checkClosedHosts(t, decode(t, r).(*routev3.RouteConfiguration).GetVirtualHosts(), is.GetVirtualHosts())
	case *listenerv3.Listener:
		checkClosedChains(t, decode(t, r).(*listenerv3.Listener).GetFilterChains(), is.GetFilterChains())
	}
}

func checkClosedHosts(t *testing.T, was, is []*routev3.VirtualHost) {
	t.Helper()
	for i, h := range is {
		if h.GetName() == misdirectedHostName {
			continue
		}
		if h.GetName() != was[i].GetName() || !slices.Equal(h.GetDomains(), was[i].GetDomains()) {
			t.Errorf("%s %v stands for %s %v", h.GetName(), h.GetDomains(), was[i].GetName(), was[i].GetDomains())
		}
		routes := h.GetRoutes()
		if len(routes) != 1 || routes[0].GetMatch().GetPrefix() != "/" || routes[0].GetDirectResponse().GetStatus() != 503 {
			t.Errorf("the fallback of %s answers %v", h.GetName(), routes)
		}
	}
}

func checkClosedChains(t *testing.T, was, is []*listenerv3.FilterChain) {
	t.Helper()
	for i, c := range is {
		if c.GetName() != was[i].GetName() {
			t.Errorf("%s stands for %s", c, was[i])
		}
		if len(c.GetFilters()) > 0 || c.GetTransportSocket() != nil {
			t.Errorf("the fallback of %s does not close connections: %s", c.GetName(), c)
		}
	}
}

func TestWhatIsNotAPartHasNoFallback(t *testing.T) {
	for name, of := range map[string][]byte{
		"a datagram filter": Fallback(table.Listener, listenerFiltersField, []byte{}),
		"a cluster":         Fallback(table.Cluster, virtualHostsField, []byte{}),
		"garbage":           Fallback(table.Route, virtualHostsField, []byte("\xff")),
		"no domains":        Fallback(table.Route, virtualHostsField, []byte{}),
	} {
		if of != nil {
			t.Errorf("%s has a fallback: %q", name, of)
		}
	}
}
