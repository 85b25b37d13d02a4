package compile

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

var (
	httpKey  = ir.HostKey{Listener: classic.HTTP(), Hostname: "a.example"}
	httpsKey = ir.HostKey{Listener: classic.HTTPS(), Hostname: "a.example"}
)

func route(kind ir.PathKind, path string, code uint32) ir.Route {
	return ir.Route{Match: ir.Match{Path: ir.PathMatch{Kind: kind, Value: path}}, Direct: &ir.Direct{Code: code}}
}

func claim(kind kobj.Kind, name string, age int, key ir.HostKey, routes ...ir.Route) *contrib.Contribution {
	c := &contrib.Contribution{
		Key: key, Object: kobj.Of(kind, "ns", name), Created: time.Unix(int64(1000-age), 0), Routes: routes,
	}
	if kind == kobj.HTTPProxy {
		c.Rank, c.Exclusive, c.EveryListener = 1, true, true
	}
	c.JoinsTLS = kind == kobj.Ingress && key == httpsKey
	return c
}

// reasons returns the objects and reasons of a report.
func reasons(h Host) []string {
	var out []string
	for _, d := range h.diagnostics() {
		out = append(out, d.Object.Name.Name+" "+string(d.Reason))
	}
	return out
}

func codes(h *ir.VirtualHost) []uint32 {
	var out []uint32
	for _, r := range h.Routes {
		out = append(out, r.Direct.Code)
	}
	return out
}

func TestOldestProxyOwnsTheHost(t *testing.T) {
	young := claim(kobj.HTTPProxy, "young", 1, httpKey, route(ir.PathPrefix, "/", 201))
	old := claim(kobj.HTTPProxy, "old", 2, httpKey, route(ir.PathPrefix, "/", 200))
	h := merge(httpKey, []*contrib.Contribution{young, old})
	if got := codes(h.VirtualHost); !slices.Equal(got, []uint32{200}) {
		t.Errorf("routes %v", got)
	}
	if diff := cmp.Diff([]string{"young DuplicateVhost"}, reasons(h)); diff != "" {
		t.Error(diff)
	}
}

// A root that loses the HTTP host does not get the HTTPS host, even if the winner has no TLS.
func TestLoserDoesNotGetTheHTTPSHost(t *testing.T) {
	old := claim(kobj.HTTPProxy, "old", 2, httpKey, route(ir.PathPrefix, "/", 200))
	young := claim(kobj.HTTPProxy, "young", 1, httpKey, route(ir.PathPrefix, "/", 201))
	youngTLS := claim(kobj.HTTPProxy, "young", 1, httpsKey, route(ir.PathPrefix, "/", 201))
	youngTLS.TLS = &ir.TLS{Certificate: kobj.Name{Namespace: "ns", Name: "cert"}}
	h := merge(httpsKey, []*contrib.Contribution{youngTLS, young, old})
	if h.VirtualHost != nil {
		t.Errorf("the TLS host is served: %+v", h.VirtualHost)
	}
	if diff := cmp.Diff([]string{"young DuplicateVhost"}, reasons(h)); diff != "" {
		t.Error(diff)
	}
}

func TestProxyRoutesPrecedeIngressRoutes(t *testing.T) {
	ing := claim(kobj.Ingress, "ing", 9, httpKey, route(ir.PathPrefix, "/", 201), route(ir.PathExact, "/x", 202))
	proxy := claim(kobj.HTTPProxy, "proxy", 1, httpKey, route(ir.PathPrefix, "/", 200))
	h := merge(httpKey, []*contrib.Contribution{ing, proxy})
	if got := codes(h.VirtualHost); !slices.Equal(got, []uint32{202, 200}) {
		t.Errorf("routes %v", got)
	}
	if len(h.diagnostics()) != 0 {
		t.Errorf("a conflict between APIs is reported: %v", reasons(h))
	}
}

func TestOlderIngressOwnsThePath(t *testing.T) {
	a := claim(kobj.Ingress, "a", 1, httpKey, route(ir.PathExact, "/x", 201))
	b := claim(kobj.Ingress, "b", 2, httpKey, route(ir.PathExact, "/x", 202))
	h := merge(httpKey, []*contrib.Contribution{a, b})
	if got := codes(h.VirtualHost); !slices.Equal(got, []uint32{202}) {
		t.Errorf("routes %v", got)
	}
	if diff := cmp.Diff([]string{"a RouteConflict"}, reasons(h)); diff != "" {
		t.Error(diff)
	}
}

func TestLastOfEqualRoutesOfAnObjectIsServed(t *testing.T) {
	first, second := route(ir.PathPrefix, "/", 201), route(ir.PathPrefix, "/", 202)
	first.Match.Headers = []ir.HeaderMatch{{Name: "a", Kind: ir.StringPresent}, {Name: "b", Kind: ir.StringPresent}}
	second.Match.Headers = []ir.HeaderMatch{{Name: "b", Kind: ir.StringPresent}, {Name: "a", Kind: ir.StringPresent}}
	h := merge(httpKey, []*contrib.Contribution{claim(kobj.HTTPProxy, "p", 1, httpKey, first, second)})
	if got := codes(h.VirtualHost); !slices.Equal(got, []uint32{202}) {
		t.Errorf("routes %v: the order of conditions has an effect", got)
	}
}

func TestTCPProxyReplacesRoutesOfTheTLSHost(t *testing.T) {
	tcp := claim(kobj.HTTPProxy, "tcp", 1, httpsKey)
	tcp.TLS, tcp.TCP = &ir.TLS{Passthrough: true}, &ir.TCPProxy{}
	ing := claim(kobj.Ingress, "ing", 2, httpsKey, route(ir.PathPrefix, "/", 200))
	ing.TLS = &ir.TLS{Certificate: kobj.Name{Namespace: "ns", Name: "cert"}}
	h := merge(httpsKey, []*contrib.Contribution{ing, tcp})
	if h.VirtualHost.TCP == nil || len(h.VirtualHost.Routes) != 0 || !h.VirtualHost.TLS.Passthrough {
		t.Errorf("%+v", h.VirtualHost)
	}
	if len(h.diagnostics()) != 2 {
		t.Errorf("want a diagnostic about the TLS settings and one about the routes of the Ingress: %v", reasons(h))
	}
}

func TestRoutesJoinTLSHostsOfTheirAPIOnly(t *testing.T) {
	proxy := claim(kobj.HTTPProxy, "proxy", 1, httpsKey, route(ir.PathPrefix, "/", 200))
	proxy.TLS = &ir.TLS{Certificate: kobj.Name{Namespace: "ns", Name: "cert"}}
	plain := claim(kobj.Ingress, "plain", 2, httpsKey, route(ir.PathExact, "/x", 201))
	h := merge(httpsKey, []*contrib.Contribution{proxy, plain})
	if got := codes(h.VirtualHost); !slices.Equal(got, []uint32{200}) {
		t.Errorf("an Ingress without TLS adds routes to the TLS host of an HTTPProxy: routes %v", got)
	}
	secure := claim(kobj.Ingress, "secure", 1, httpsKey)
	secure.TLS = &ir.TLS{Certificate: kobj.Name{Namespace: "ns", Name: "other"}}
	h = merge(httpsKey, []*contrib.Contribution{secure, plain})
	if got := codes(h.VirtualHost); !slices.Equal(got, []uint32{201}) {
		t.Errorf("the routes of an Ingress are not served with the certificate of another one: routes %v", got)
	}
}

// Ingresses contribute to the TLS listener because another Ingress may have a certificate for the host.
func TestHostWithoutCertificateIsNotServedOverTLS(t *testing.T) {
	ing := claim(kobj.Ingress, "ing", 1, httpsKey, route(ir.PathPrefix, "/", 200))
	if h := merge(httpsKey, []*contrib.Contribution{ing}); h.VirtualHost != nil {
		t.Errorf("the TLS host is served: %+v", h.VirtualHost)
	}
	other := claim(kobj.Ingress, "other", 2, httpsKey)
	other.TLS = &ir.TLS{Certificate: kobj.Name{Namespace: "ns", Name: "cert"}}
	if h := merge(httpsKey, []*contrib.Contribution{ing, other}); h.VirtualHost == nil || len(h.VirtualHost.Routes) != 1 {
		t.Errorf("the routes of an Ingress are not served with the certificate of another one: %+v", h.VirtualHost)
	}
}

// The order of HTTPProxy: exact, regex, prefix; longer first; whole segments first; more conditions first.
func TestPrecedence(t *testing.T) {
	header := func(r ir.Route, h ...ir.HeaderMatch) ir.Route { r.Match.Headers = h; return r }
	want := []ir.Route{
		route(ir.PathExact, "/a", 0),
		route(ir.PathRegex, "/a.*longer", 1),
		route(ir.PathRegex, "/a.*", 2),
		route(ir.PathSegment, "/a/b", 3),
		header(route(ir.PathPrefix, "/a/b", 4), ir.HeaderMatch{Name: ":method", Value: "GET"}),
		header(route(ir.PathPrefix, "/a/b", 5), ir.HeaderMatch{Name: "x", Value: "1"}, ir.HeaderMatch{Name: "y", Value: "1"}),
		header(route(ir.PathPrefix, "/a/b", 6), ir.HeaderMatch{Name: "x", Value: "1"}),
		header(route(ir.PathPrefix, "/a/b", 7), ir.HeaderMatch{Name: "x", Kind: ir.StringPresent}),
		route(ir.PathPrefix, "/a", 8),
		route(ir.PathPrefix, "/", 9),
	}
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	h := merge(httpKey, []*contrib.Contribution{claim(kobj.HTTPProxy, "p", 1, httpKey, shuffled...)})
	if got := codes(h.VirtualHost); !slices.Equal(got, []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("order %v", got)
	}
}

func TestContributionsToAHostname(t *testing.T) {
	at := func(l ir.ListenerKey, host string) contrib.Contribution {
		return contrib.Contribution{Key: ir.HostKey{Listener: l, Hostname: host}}
	}
	all := []contrib.Contribution{at(classic.HTTP(), "a"), at(classic.HTTP(), "b"), at(classic.HTTPS(), "b"), at(classic.HTTPS(), "c")}
	for host, want := range map[string]int{"": 0, "a": 1, "aa": 0, "b": 2, "c": 1, "d": 0} {
		got := contributionsTo(all, ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: classic.HTTP().Group()}, Hostname: host})
		if len(got) != want || slices.ContainsFunc(got, func(c contrib.Contribution) bool { return c.Key.Hostname != host }) {
			t.Errorf("%q: %v, want %d", host, got, want)
		}
	}
}

func TestPoliciesApplyToOtherListenersInTheirNamespaceOnly(t *testing.T) {
	policies := &ir.Policies{CORS: &ir.CORS{}}
	for namespace, want := range map[string]*ir.Policies{"ns": policies, "other": nil} {
		proxy := claim(kobj.HTTPProxy, "proxy", 1, httpKey, route(ir.PathPrefix, "/a", 200))
		proxy.Object.Namespace, proxy.Policies = namespace, policies
		ingress := claim(kobj.Ingress, "ingress", 2, httpsKey, route(ir.PathPrefix, "/", 200))
		ingress.TLS = &ir.TLS{}
		if h := merge(httpsKey, []*contrib.Contribution{proxy, ingress}); h.VirtualHost == nil || h.VirtualHost.Policies != want {
			t.Errorf("HTTPS, proxy in %s: %+v, want %v", namespace, h.VirtualHost, want)
		}
		if h := merge(httpKey, []*contrib.Contribution{proxy, ingress}); h.VirtualHost == nil || h.VirtualHost.Policies != policies {
			t.Errorf("HTTP, proxy in %s: no policies", namespace)
		}
	}
}

// Another namespace that adds routes to a host changes neither what protects the routes of the owner of the policies on
// other listeners, nor do these policies apply to its own routes; the count of a limit stays one.
func TestRoutesOfAnotherNamespaceRemoveNoPolicies(t *testing.T) {
	filter, limit, own := &ir.IPFilter{}, &ir.LocalRateLimit{Requests: 1}, &ir.LocalRateLimit{Requests: 2}
	exempt := &ir.LocalRateLimit{Unlimited: true}
	for _, c := range []struct {
		policies, host, of, other *ir.Policies // of the proxy; on the TLS host, on the route of its namespace and on that of another
	}{
		{&ir.Policies{IPFilter: filter}, nil, &ir.Policies{IPFilter: filter}, nil},
		{&ir.Policies{LocalRateLimit: limit}, &ir.Policies{LocalRateLimit: limit}, nil, &ir.Policies{LocalRateLimit: exempt}},
		{
			&ir.Policies{IPFilter: filter, LocalRateLimit: limit}, &ir.Policies{LocalRateLimit: limit},
			&ir.Policies{IPFilter: filter}, &ir.Policies{LocalRateLimit: exempt},
		},
		{
			&ir.Policies{LocalRateLimit: &ir.LocalRateLimit{Invalid: true}}, nil,
			&ir.Policies{LocalRateLimit: &ir.LocalRateLimit{Invalid: true}}, nil,
		},
		{nil, nil, nil, nil},
	} {
		proxy := claim(kobj.HTTPProxy, "proxy", 1, httpKey, route(ir.PathPrefix, "/", 201))
		proxy.Policies = c.policies
		secure := claim(kobj.Ingress, "secure", 2, httpsKey, route(ir.PathPrefix, "/", 200), route(ir.PathPrefix, "/own", 203))
		secure.TLS = &ir.TLS{}
		secure.Routes[1].Policies = &ir.Policies{LocalRateLimit: own}
		routes := slices.Clone(secure.Routes)
		other := claim(kobj.Ingress, "other", 3, httpsKey, route(ir.PathPrefix, "/other", 202))
		other.Object.Namespace = "other"
		h := merge(httpsKey, []*contrib.Contribution{proxy, other, secure})
		if diff := cmp.Diff(c.host, h.VirtualHost.Policies); diff != "" {
			t.Errorf("host (-want +got):\n%s", diff)
		}
		ofOwn := c.of.WithDefaults(nil)
		ofOwn.LocalRateLimit = own
		for _, r := range h.VirtualHost.Routes {
			want := map[uint32]*ir.Policies{200: c.of, 202: c.other, 203: &ofOwn}[r.Direct.Code]
			if diff := cmp.Diff(want, r.Policies); diff != "" {
				t.Errorf("route %d (-want +got):\n%s", r.Direct.Code, diff)
			}
		}
		if diff := cmp.Diff(routes, secure.Routes); diff != "" {
			t.Errorf("the routes of the contribution changed:\n%s", diff)
		}
	}
}
