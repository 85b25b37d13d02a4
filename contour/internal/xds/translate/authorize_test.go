package translate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	compositev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/composite/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	setmetadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_metadata/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/xds/table"
)

// Every route that has to be authorized has, in what Envoy receives, everything that it takes: on listeners without TLS the
// mark of the filter and the service in its settings, in one table and in shards; over TLS the filter in the chain. What Envoy
// uses is, of each name, the configuration of the most specific level.
func TestRoutesAreAuthorized(t *testing.T) {
	for _, limit := range []int{512, 0} {
		t.Run(fmt.Sprintf("one table for %d hosts", limit), func(t *testing.T) { routesAreAuthorized(t, limit) })
	}
}

func routesAreAuthorized(t *testing.T, limit int) {
	r := newRandom(randomtest.Seed(t))
	seen := map[string]int{}
	for range 60 {
		fx := newFixture(tables(limit))
		for range 1 + r.IntN(10) {
			fx.set(r.authorizedHost())
		}
		fx.run()
		served := servedHosts(t, fx)
		fx.hosts.Each(func(k ir.HostKey, v *ir.VirtualHost) bool {
			for _, vh := range served[k] {
				checkAuthorization(t, v, vh, seen)
			}
			return true
		})
	}
	t.Logf("routes: %v", seen)
	for _, what := range []string{"marked", "slot", "chain", "refused", "exempt"} {
		if seen[what] == 0 {
			t.Errorf("there was no route that is %s", what)
		}
	}
}

// authorizedHost returns a host that often has an authorization, of its own or of its routes.
func (r random) authorizedHost() *ir.VirtualHost {
	v := r.host()
	authorized := func(p *ir.Policies) *ir.Policies {
		if r.flip() {
			return p
		}
		out := p.WithDefaults(nil)
		out.Authorization, out.JWT = maybe(r, r.authorization), nil
		return &out
	}
	v.Policies = authorized(v.Policies)
	for i := range v.Routes {
		v.Routes[i].Policies = authorized(v.Routes[i].Policies)
	}
	return v
}

// servedHosts returns the virtual hosts that all route tables have for the hosts; a shard has a copy of wildcards.
func servedHosts(t *testing.T, fx *fixture) map[ir.HostKey][]*routev3.VirtualHost {
	out := map[ir.HostKey][]*routev3.VirtualHost{}
	all := fx.all()
	sharded := slices.ContainsFunc(all, func(r *table.Resource) bool {
		return r.Ref.Type == table.Route && strings.HasPrefix(r.Ref.Name, classic.HTTP().Name+"/")
	})
	fx.hosts.Each(func(k ir.HostKey, v *ir.VirtualHost) bool {
		for _, res := range all {
			if res.Ref.Type != table.Route || !serves(res.Ref.Name, k, sharded) {
				continue
			}
			for _, vh := range decode(t, res).(*routev3.RouteConfiguration).GetVirtualHosts() {
				if slices.Contains(vh.GetDomains(), k.Hostname) {
					out[k] = append(out[k], vh)
				}
			}
		}
		if v.TCP == nil && len(v.Routes) > 0 && len(out[k]) == 0 {
			t.Errorf("no route table has the host %v", k)
		}
		return true
	})
	return out
}

// serves reports whether the route table has the virtual hosts that answer requests for k; with shards, the table of the
// listener only selects one.
func serves(name string, k ir.HostKey, sharded bool) bool {
	switch {
	case k.Listener == classic.HTTPS():
		return name == routeTable(k)
	case sharded:
		return strings.HasPrefix(name, k.Listener.Name+"/")
	}
	return name == k.Listener.Name
}

func checkAuthorization(t *testing.T, v *ir.VirtualHost, vh *routev3.VirtualHost, seen map[string]int) {
	t.Helper()
	rest := withoutGuard(t, v, vh)
	if len(rest) < len(v.Routes) {
		t.Fatalf("%v has %d routes, want %d", v.Key, len(rest), len(v.Routes))
	}
	for i := range v.Routes {
		of := &v.Routes[i]
		if of.Redirect != nil && of.Redirect.Port == 0 && rest[0].GetRedirect().GetPortRedirect() == 443 { // by withPort
			rest = rest[1:]
		}
		envoys := rest[0]
		rest = rest[1:]
		levels := []map[string]*anypb.Any{vh.GetTypedPerFilterConfig(), envoys.GetTypedPerFilterConfig()}
		checkRoute(t, v, of, envoys, levels, seen)
		for _, c := range envoys.GetRoute().GetWeightedClusters().GetClusters() { // what a backend has counts before its route
			checkRoute(t, v, of, envoys, append(slices.Clone(levels), c.GetTypedPerFilterConfig()), seen)
		}
	}
	if len(rest) > 0 {
		t.Errorf("%v has %d more routes", v.Key, len(rest))
	}
}

// withoutGuard returns the routes of a virtual host without the first one, if that responds to requests on which a chain does not run.
// It has to be there if a chain runs for any route.
func withoutGuard(t *testing.T, v *ir.VirtualHost, vh *routev3.VirtualHost) []*routev3.Route {
	t.Helper()
	chained := vh.GetTypedPerFilterConfig()[chainName] != nil
	for _, r := range vh.GetRoutes() {
		chained = chained || r.GetTypedPerFilterConfig()[chainName] != nil
		for _, c := range r.GetRoute().GetWeightedClusters().GetClusters() {
			chained = chained || c.GetTypedPerFilterConfig()[chainName] != nil
		}
	}
	guarded := len(vh.GetRoutes()) > 0 && proto.Equal(vh.GetRoutes()[0], coalescedGuard(&encoder{}, v.Key.Listener))
	if chained && !guarded && !wildcard(v.Key.Hostname) {
		t.Errorf("%v serves requests without the filters of its policies", v.Key)
	}
	if guarded {
		return vh.GetRoutes()[1:]
	}
	return vh.GetRoutes()
}

func checkRoute(t *testing.T, v *ir.VirtualHost, of *ir.Route, envoys *routev3.Route, levels []map[string]*anypb.Any, seen map[string]int) {
	t.Helper()
	a := authorizationOf(of, v.Policies)
	what, problem := "exempt", ""
	switch code := failureOf(of, v.Policies); {
	case a.Refuses() || code != 0: // of a section that cannot be built, whatever it protects
		if what = "refused"; code == 0 || envoys.GetDirectResponse().GetStatus() != code {
			problem = "it is served"
		}
	case !a.Asks():
	case v.TLS != nil:
		what, problem = "chain", chainAsks(t, levels, a)
	case a.Service.HTTP != nil:
		what, problem = "slot", slotAsks(t, levels, a)
	default:
		what, problem = "marked", markedAsks(t, levels, a)
	}
	seen[what]++
	if problem != "" {
		t.Errorf("route of %v, policies %+v, of the host %+v: %s: %v", v.Key, of.Policies, v.Policies, problem, envoys)
	}
	if !a.Asks() && v.TLS == nil {
		if name, _ := mark(t, levels); name != "" && !disabled(t, levels, name) {
			t.Errorf("route of %v needs no authorization and is marked for %s", v.Key, name)
		}
	}
}

// effectiveConfig returns the configuration of the most specific level; nil: none.
func effectiveConfig(levels []map[string]*anypb.Any, name string) (out *anypb.Any) {
	for _, l := range levels {
		if l[name] != nil {
			out = l[name]
		}
	}
	return out
}

func unpackAs[M proto.Message](t *testing.T, packed *anypb.Any, m M) M {
	t.Helper()
	if err := packed.UnmarshalTo(m); err != nil {
		t.Fatal(err)
	}
	return m
}

// inSlots returns the filters that the slots of the route run.
func inSlots(t *testing.T, levels []map[string]*anypb.Any) (out []*anypb.Any) {
	for n := range policySlots {
		packed := effectiveConfig(levels, slotName(n))
		if packed == nil {
			continue
		}
		on, ok := unpackAs(t, packed, &compositev3.CompositePerRoute{}).GetMatcher().GetOnNoMatch().GetOnMatch().(*xdsmatcherv3.Matcher_OnMatch_Action)
		if ok {
			run := unpackAs(t, on.Action.GetTypedConfig(), &compositev3.ExecuteFilterAction{})
			out = append(out, run.GetTypedConfig().GetTypedConfig())
		}
	}
	return out
}

// mark returns the filter for which the slots mark requests, and how many do.
func mark(t *testing.T, levels []map[string]*anypb.Any) (name string, marks int) {
	for _, f := range inSlots(t, levels) {
		if m := (&setmetadatav3.Config{}); f.MessageIs(m) {
			name = unpackAs(t, f, m).GetMetadata()[0].GetValue().GetFields()[authzMark].GetStringValue()
			marks++
		}
	}
	return name, marks
}

func settingsOf(t *testing.T, levels []map[string]*anypb.Any, name string) *extauthzv3.ExtAuthzPerRoute {
	if packed := effectiveConfig(levels, name); packed != nil {
		return unpackAs(t, packed, &extauthzv3.ExtAuthzPerRoute{})
	}
	return nil
}

func disabled(t *testing.T, levels []map[string]*anypb.Any, name string) bool {
	return settingsOf(t, levels, name).GetDisabled()
}

// markedAsks reports why the filters of the listener would not ask the service.
func markedAsks(t *testing.T, levels []map[string]*anypb.Any, a *ir.Authorization) string {
	want := authzName
	if a.Service.FailOpen {
		want = openAuthzName
	}
	settings := settingsOf(t, levels, want)
	switch name, marks := mark(t, levels); {
	case marks != 1 || name != want:
		return fmt.Sprintf("%d marks, for %q", marks, name)
	case settings.GetDisabled():
		return "the filter is disabled"
	case settings.GetCheckSettings().GetGrpcService().GetEnvoyGrpc().GetClusterName() != extensionName(a.Service.Cluster):
		return fmt.Sprintf("the filter has the settings %v", settings)
	}
	return ""
}

// slotAsks reports why no slot would ask the service.
func slotAsks(t *testing.T, levels []map[string]*anypb.Any, a *ir.Authorization) string {
	for _, f := range inSlots(t, levels) {
		if m := (&extauthzv3.ExtAuthz{}); f.MessageIs(m) && asksCluster(unpackAs(t, f, m), a) {
			return ""
		}
	}
	return "no slot asks"
}

// chainAsks reports why the merged chain would not ask the service.
func chainAsks(t *testing.T, levels []map[string]*anypb.Any, a *ir.Authorization) string {
	found := map[string]*anypb.Any{}
	for _, l := range levels {
		if packed := l[chainName]; packed != nil {
			for _, f := range unpackAs(t, packed, &filterchainv3.FilterChainConfigPerRoute{}).GetFilterChain().GetFilters() {
				found[f.GetName()] = f.GetTypedConfig()
			}
		}
	}
	for name, f := range found {
		if m := (&extauthzv3.ExtAuthz{}); f.MessageIs(m) && asksCluster(unpackAs(t, f, m), a) && !disabled(t, levels, name) {
			return ""
		}
	}
	return "the chain does not ask"
}

func asksCluster(m *extauthzv3.ExtAuthz, a *ir.Authorization) bool {
	want := extensionName(a.Service.Cluster)
	open := m.GetFailureModeAllow() == a.Service.FailOpen
	return open && (m.GetGrpcService().GetEnvoyGrpc().GetClusterName() == want || m.GetHttpService().GetServerUri().GetCluster() == want)
}
