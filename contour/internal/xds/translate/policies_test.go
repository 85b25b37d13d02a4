package translate

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	compositev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/composite/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

func addresses(prefix string) *ir.IPFilter {
	return &ir.IPFilter{Sources: []ir.IPSource{{Prefix: netip.MustParsePrefix(prefix)}}}
}

func perHour(requests uint32) *ir.LocalRateLimit {
	return &ir.LocalRateLimit{Requests: requests, Interval: time.Hour, Code: 429}
}

func globally(descriptors ...ir.LimitDescriptor) *ir.GlobalRateLimit {
	return &ir.GlobalRateLimit{
		Service:     &ir.RateLimitService{Cluster: ir.ExtensionCluster{Object: kobj.Name{Namespace: "ns", Name: "limits"}, Protocol: ir.ProtocolH2C}, Domain: "d"},
		Descriptors: descriptors,
	}
}

// policiesOfHost returns policies with 10.0.0.0/8 and 10 requests, where those of routes have 11.
func policiesOfHost() *ir.Policies {
	return &ir.Policies{IPFilter: addresses("10.0.0.0/8"), LocalRateLimit: perHour(10), CORS: &ir.CORS{
		Origins: []ir.StringMatch{{Value: "*"}}, Methods: []string{"GET"},
	}}
}

func TestFiltersAreInOrder(t *testing.T) {
	names := map[string]bool{}
	var last filter
	for i, f := range httpFilters() {
		if i > 0 && f.place <= last.place {
			t.Errorf("filter %s comes after %s", f.name, last.name)
		}
		if names[f.name] {
			t.Errorf("two filters have the name %s", f.name)
		}
		if f.carried(carrierChain) && f.policy == nil {
			t.Errorf("no policy configures filter %s", f.name)
		}
		names[f.name], last = true, f
	}
}

// A filter is configured by the policies for which it has a message, and by no others.
func TestFiltersHaveAMessageForTheirPolicies(t *testing.T) {
	for _, p := range []ir.Policies{
		{},
		*policiesOfHost(),
		{IPFilter: addresses("10.0.0.0/8")},
		{IPFilter: &ir.IPFilter{Invalid: true}},
		{CORS: &ir.CORS{}},
		{LocalRateLimit: perHour(1)},
		{LocalRateLimit: &ir.LocalRateLimit{Invalid: true}},
		{LocalRateLimit: &ir.LocalRateLimit{Unlimited: true}},
		{GlobalRateLimit: globally(ir.LimitDescriptor{{Value: "a"}})},
		{GlobalRateLimit: globally()},
		{GlobalRateLimit: &ir.GlobalRateLimit{Invalid: true}},
	} {
		for _, f := range httpFilters() {
			if (f.has == nil) != (f.policy == nil) {
				t.Fatalf("filter %s has only one of has and policy", f.name)
			}
			if f.has != nil && f.has(p) != (f.policy(&encoder{}, p) != nil) {
				t.Errorf("filter %s, policies %+v: has reports %t", f.name, p, f.has(p))
			}
		}
	}
}

// What a route does not repeat is not built for it: the work for its policies does not depend on the size of those of the host.
func TestMessagesOfPoliciesAreBuiltOnlyToBeSent(t *testing.T) {
	allocations := func(sources int) (uses, atRoute float64) {
		filter := &ir.IPFilter{Sources: slices.Repeat(addresses("10.0.0.0/8").Sources, sources)}
		v := httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s"), Policies: &ir.Policies{LocalRateLimit: perHour(1)}})
		v.Policies = &ir.Policies{IPFilter: filter}
		uses = testing.AllocsPerRun(10, func() { policiesOf(v) })
		p := policiesOf(v)
		return uses, testing.AllocsPerRun(10, func() { p.atRoute(&encoder{}, &v.Routes[0]) })
	}
	uses, atRoute := allocations(1)
	const noise = 20 // of the race detector; a message has an allocation for each source
	if u, r := allocations(1000); u > uses+noise || r > atRoute+noise {
		t.Errorf("with 1,000 sources %v and %v allocations, with one %v and %v", u, r, uses, atRoute)
	}
}

// Policies do not change a listener: it always has its carrier, and every filter that a route may configure by name.
func TestListenersHaveCarriers(t *testing.T) {
	for l, want := range map[ir.ListenerProtocol][]string{
		ir.ListenHTTP:  {"cors", "policies/0", "policies/1", "policies/2", "policies/3", "policies/4", "policies/5", "policies/6", "policies/7"},
		ir.ListenHTTPS: {"cors", "policies"},
	} {
		var names []string
		for _, f := range (httpChain{listener: &ir.Listener{Protocol: l}}).filters(&encoder{}) {
			names = append(names, f.GetName())
		}
		if at := slices.Index(names, "cors"); at < 0 || !slices.Equal(names[at:at+len(want)], want) {
			t.Errorf("protocol %d has filters %v, want %v among them", l, names, want)
		}
	}
}

// Envoy makes no filter that only policies configure for a request to a host without policies: two of them alone are a fifth of what
// such a request costs (docs/design/0012).
func TestRequestsWithoutPoliciesHaveNoFiltersOfPolicies(t *testing.T) {
	rc := &routev3.RouteConfiguration{}
	newOverrides().routed(&encoder{}, rc)
	var names []string
	for _, f := range (httpChain{listener: &ir.Listener{Protocol: ir.ListenHTTP}}).filters(&encoder{}) {
		off := &routev3.FilterConfig{}
		if packed := rc.GetTypedPerFilterConfig()[f.GetName()]; packed == nil || packed.UnmarshalTo(off) != nil || !off.GetDisabled() {
			names = append(names, f.GetName())
		}
	}
	if want := []string{"compressor", "grpc_web", "grpc_stats", "router"}; !slices.Equal(names, want) {
		t.Errorf("filters %v, want %v", names, want)
	}
}

// Both carriers run the same filters in the same order at each route, for any policies of the host and the route.
func TestCarriersRunTheSameFilters(t *testing.T) {
	sections := []*ir.Policies{
		nil,
		{IPFilter: addresses("11.0.0.0/8")},
		{LocalRateLimit: perHour(11)},
		{IPFilter: addresses("11.0.0.0/8"), LocalRateLimit: perHour(11)},
		{LocalRateLimit: &ir.LocalRateLimit{Unlimited: true}},
		{GlobalRateLimit: globally(ir.LimitDescriptor{{Kind: ir.LimitAddress}})},
		{IPFilter: addresses("11.0.0.0/8"), GlobalRateLimit: globally()},
	}
	hosts := append([]*ir.Policies{policiesOfHost()}, sections...)
	for _, host := range hosts {
		for _, own := range sections {
			for _, other := range sections {
				v := httpHost("a.example.com", ir.Route{Match: prefix("/a"), Forward: to("s"), Policies: own}, ir.Route{Match: prefix("/"), Forward: to("s"), Policies: other})
				v.Policies = host
				tls := *v
				tls.TLS = &ir.TLS{}
				for i := range v.Routes {
					slots, chain := slottedFilters(t, v, i), chainedFilters(t, &tls, i)
					if diff := cmp.Diff(slots, chain); diff != "" && !limitIsHosts(host, v.Routes[i].Policies) {
						t.Errorf("host %v, route %v, other %v (-slots +chain):\n%s", host, own, other, diff)
					}
					slices.Sort(slots)
					slices.Sort(chain)
					if diff := cmp.Diff(slots, chain); diff != "" {
						t.Errorf("host %v, route %v, other %v (-slots +chain):\n%s", host, own, other, diff)
					}
				}
			}
		}
	}
}

// limitIsHosts reports whether a route with filters of its own uses the limit of its host, which is then the first filter
// of a chain.
func limitIsHosts(host, own *ir.Policies) bool {
	return host != nil && host.LocalRateLimit != nil && own != nil && own.LocalRateLimit == nil
}

// A virtual host may have every filter of policies, each in a slot of its own.
func TestEveryFilterHasASlot(t *testing.T) {
	n := 0
	for _, f := range httpFilters() {
		if f.carried(carrierSlots) || f.refer != nil {
			n++
		}
	}
	if n > policySlots {
		t.Errorf("%d filters have %d slots", n, policySlots)
	}
}

// perFilter returns the per-filter configuration of the host and of its i-th route.
func perFilter(t *testing.T, v *ir.VirtualHost, i int) []map[string]*anypb.Any {
	t.Helper()
	h := virtualHost(v)
	if h.part.Invalid != "" {
		t.Fatal(h.part.Invalid)
	}
	vh := &routev3.VirtualHost{}
	if err := proto.Unmarshal(h.part.Body, vh); err != nil {
		t.Fatal(err)
	}
	guards := len(vh.GetRoutes()) - len(v.Routes) // responds to requests without the filters of the route
	return []map[string]*anypb.Any{vh.GetTypedPerFilterConfig(), vh.GetRoutes()[guards+i].GetTypedPerFilterConfig()}
}

// slottedFilters returns the filters of a route on the listener with slots: of each slot the most specific one.
func slottedFilters(t *testing.T, v *ir.VirtualHost, i int) []string {
	t.Helper()
	levels := perFilter(t, v, i)
	var out []string
	for n := range policySlots {
		packed := levels[1][slotName(n)]
		if packed == nil {
			packed = levels[0][slotName(n)]
		}
		if packed == nil {
			continue
		}
		c, run := &compositev3.CompositePerRoute{}, &compositev3.ExecuteFilterAction{}
		if err := packed.UnmarshalTo(c); err != nil {
			t.Fatal(err)
		}
		if err := c.GetMatcher().GetOnNoMatch().GetOnMatch().(*xdsmatcherv3.Matcher_OnMatch_Action).Action.GetTypedConfig().UnmarshalTo(run); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %x", run.GetTypedConfig().GetName(), run.GetTypedConfig().GetTypedConfig().GetValue()))
	}
	return out
}

// chainedFilters returns the filters of a route on the listener where Envoy merges chains: those of the host that the route
// does not have, then those of the route.
func chainedFilters(t *testing.T, v *ir.VirtualHost, i int) []string {
	t.Helper()
	var names, out []string
	for _, level := range perFilter(t, v, i) {
		c := &filterchainv3.FilterChainConfigPerRoute{}
		if packed := level[chainName]; packed == nil {
			continue
		} else if err := packed.UnmarshalTo(c); err != nil {
			t.Fatal(err)
		}
		for _, f := range c.GetFilterChain().GetFilters() {
			if at := slices.Index(names, f.GetName()); at >= 0 {
				names, out = slices.Delete(names, at, at+1), slices.Delete(out, at, at+1)
			}
		}
		for _, f := range c.GetFilterChain().GetFilters() {
			names = append(names, f.GetName())
			out = append(out, fmt.Sprintf("%s %x", f.GetName(), f.GetTypedConfig().GetValue()))
		}
	}
	return out
}

func TestPoliciesNeedTheListener(t *testing.T) {
	none := httpsHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})
	host, route, redirect := *none, *none, *none
	host.Policies = &ir.Policies{IPFilter: addresses("10.0.0.0/8")}
	route.Routes = []ir.Route{{Match: prefix("/"), Forward: to("s"), Policies: &ir.Policies{LocalRateLimit: perHour(1)}}}
	redirect.Policies = &ir.Policies{CORS: policiesOfHost().CORS}
	redirect.Routes = []ir.Route{{Match: prefix("/"), Redirect: &ir.Redirect{HTTPS: true, Code: 301}}}
	for v, want := range map[*ir.VirtualHost]bool{none: false, &host: true, &route: true, &redirect: false} {
		fx := newFixture()
		fx.set(v)
		fx.run()
		for _, r := range fx.all() {
			if r.Ref != (table.Ref{Type: table.Route, Name: routeTable(v.Key)}) {
				continue
			}
			if got := slices.Contains(r.Parts[0].Needs, table.Ref{Type: table.Listener, Name: "ingress_https"}); got != want {
				t.Errorf("the part of %+v needs the listener: %t", v, got)
			}
		}
	}
}

// Hosts with equal redirects and policies share a virtual host, unless a policy counts requests.
func TestHostsShareOnlyWithEqualPolicies(t *testing.T) {
	fx := newFixture()
	set := func(name string, p *ir.Policies) {
		v := httpHost(name, ir.Route{Match: prefix("/"), Redirect: &ir.Redirect{Hostname: "www.example.com", Code: 301}})
		v.Policies = p
		fx.set(v)
	}
	for i, p := range []*ir.Policies{
		nil, {IPFilter: addresses("10.0.0.0/8")}, {IPFilter: addresses("11.0.0.0/8")}, {LocalRateLimit: perHour(1)}, {IPFilter: &ir.IPFilter{Invalid: true}},
	} {
		set(fmt.Sprintf("a%d.example.com", i), p)
		set(fmt.Sprintf("b%d.example.com", i), p)
	}
	fx.run()
	shared := map[string]int{}
	for _, r := range fx.all() {
		if r.Ref != (table.Ref{Type: table.Route, Name: "ingress_http"}) {
			continue
		}
		for i, vh := range decode(t, r).(*routev3.RouteConfiguration).GetVirtualHosts() {
			shared[vh.GetDomains()[0]] = len(vh.GetDomains())
			if filtered := len(vh.GetTypedPerFilterConfig()) > 0; filtered != (len(r.Parts[i].Needs) > 0) {
				t.Errorf("%v has policies: %t, needs %v", vh.GetDomains(), filtered, r.Parts[i].Needs)
			}
		}
	}
	want := map[string]int{"a0.example.com": 2, "a1.example.com": 2, "a2.example.com": 2, "a3.example.com": 1, "b3.example.com": 1, "a4.example.com": 2}
	if diff := cmp.Diff(want, shared); diff != "" {
		t.Errorf("hosts in the virtual host of each (-want +got):\n%s", diff)
	}
}

func TestWeight(t *testing.T) {
	both := &ir.Policies{IPFilter: addresses("10.0.0.0/8"), LocalRateLimit: perHour(1)}
	route := func(p *ir.Policies) ir.Route { return ir.Route{Match: prefix("/"), Forward: to("s"), Policies: p} }
	for _, c := range []struct {
		host   *ir.Policies
		routes []ir.Route
		want   int
	}{
		{nil, []ir.Route{route(nil), route(nil)}, 1},
		{&ir.Policies{CORS: policiesOfHost().CORS}, []ir.Route{route(nil)}, 1},
		{&ir.Policies{IPFilter: addresses("10.0.0.0/8")}, []ir.Route{route(nil), route(nil)}, 2},
		{nil, []ir.Route{route(both)}, 3},
		{both, []ir.Route{route(both)}, 5},
		{&ir.Policies{GlobalRateLimit: globally(ir.LimitDescriptor{{Value: "a"}})}, []ir.Route{route(nil)}, 2},
		{both, []ir.Route{route(both), route(both), route(both)}, 5},
	} {
		v := httpHost("a.example.com", c.routes...)
		v.Policies = c.host
		if got := weight(v); got != c.want {
			t.Errorf("weight %d, want %d, of %v with %d routes", got, c.want, c.host, len(c.routes))
		}
	}
}

func TestInvalidPoliciesRespondWithAnError(t *testing.T) {
	broken := &ir.Policies{LocalRateLimit: &ir.LocalRateLimit{Invalid: true}}
	for _, v := range []*ir.VirtualHost{
		httpHost("a.example.com", ir.Route{Match: prefix("/"), Redirect: &ir.Redirect{HTTPS: true, Code: 301}, Policies: broken}),
		httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s"), Policies: &ir.Policies{LocalRateLimit: perHour(1)}}),
	} {
		if v.Routes[0].Forward != nil {
			v.Policies = broken
		}
		vh := &routev3.VirtualHost{}
		if err := proto.Unmarshal(virtualHost(v).part.Body, vh); err != nil {
			t.Fatal(err)
		}
		if got := vh.GetRoutes()[0].GetDirectResponse().GetStatus(); got != 500 {
			t.Errorf("status %d, want 500", got)
		}
	}
}
