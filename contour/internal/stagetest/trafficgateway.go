package stagetest

import (
	"fmt"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// addIngress adds an Ingress for a host, and seldom one with a default backend.
func (g *Traffic) addIngress(i int, host string) {
	o := &networkingv1.Ingress{ObjectMeta: g.meta(g.namespace(), fmt.Sprint("ingress-", i))}
	o.Annotations = map[string]string{}
	g.repeat(2, func() {
		values := map[string]string{
			"ingress.kubernetes.io/force-ssl-redirect": "true", "kubernetes.io/ingress.allow-http": "false", "projectcontour.io/num-retries": "2", "projectcontour.io/retry-on": "5xx",
			"projectcontour.io/per-try-timeout": "10s", "projectcontour.io/response-timeout": "20s", "projectcontour.io/websocket-routes": pick(g.Random, "/a", "/,/a/b"),
			"projectcontour.io/tls-minimum-protocol-version": "1.3", "projectcontour.io/tls-maximum-protocol-version": "1.2", "projectcontour.io/tls-cert-namespace": "b",
		}
		name := pick(g.Random, slices.Sorted(maps.Keys(values))...)
		o.Annotations[name] = values[name]
	})
	g.hosts = append(g.hosts, target{host: host})
	r := networkingv1.IngressRule{Host: host}
	r.HTTP = &networkingv1.HTTPIngressRuleValue{}
	for range 1 + g.rand.IntN(4) {
		kind := pick(g.Random, networkingv1.PathTypePrefix, networkingv1.PathTypePrefix, networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific)
		path := pick(g.Random, pathPrefixes()...)
		if kind == networkingv1.PathTypeImplementationSpecific && g.oneIn(2) {
			path = pick(g.Random, "/a.*", "/x-[0-9]", "/(a|ab)")
		}
		r.HTTP.Paths = append(r.HTTP.Paths, networkingv1.HTTPIngressPath{Path: path, PathType: &kind, Backend: g.servedBackend()})
	}
	o.Spec.Rules = []networkingv1.IngressRule{r}
	if g.oneIn(6) { // of every host
		every := r
		every.Host = ""
		o.Spec.Rules = append(o.Spec.Rules, every)
		g.hosts = append(g.hosts, target{host: "elsewhere.example.net"})
	}
	if g.oneIn(2) {
		o.Spec.TLS = []networkingv1.IngressTLS{{SecretName: "secret-" + pick(g.Random, "0", "1"), Hosts: []string{host}}}
		g.hosts = append(g.hosts, target{host: host, secure: true})
	}
	if g.oneIn(6) {
		b := g.servedBackend()
		o.Spec.DefaultBackend = &b
	}
	g.add(kobj.Ingress, o)
}

func (g *Traffic) servedBackend() networkingv1.IngressBackend {
	s := &networkingv1.IngressServiceBackend{Name: g.name("service")}
	if g.oneIn(3) {
		s.Port.Name = pick(g.Random, "web", "more")
	} else {
		s.Port.Number = pick(g.Random, int32(80), 81)
	}
	return networkingv1.IngressBackend{Service: s}
}

// addGateway adds a Gateway with a listener of each protocol.
func (g *Traffic) addGateway() {
	o := &gatewayv1.Gateway{ObjectMeta: g.meta("a", "gateway")}
	o.Spec.GatewayClassName = "contour"
	o.Spec.Addresses = []gatewayv1.GatewaySpecAddress{{Type: new(gatewayv1.IPAddressType), Value: g.material.GatewayAddr}}
	o.Spec.AllowedListeners = &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: new(gatewayv1.NamespacesFromAll)}}
	all := allRoutes()
	certificate := []gatewayv1.SecretObjectReference{{Name: pick(g.Random, gatewayv1.ObjectName("secret-0"), "secret-1", "secret-2")}}
	listener := func(name string, port gatewayv1.PortNumber, protocol gatewayv1.ProtocolType, tls *gatewayv1.ListenerTLSConfig, host string) {
		l := gatewayv1.Listener{Name: gatewayv1.SectionName(name), Port: port, Protocol: protocol, AllowedRoutes: all, TLS: tls}
		if host != "" {
			l.Hostname = new(gatewayv1.Hostname(host))
		}
		if g.oneIn(12) {
			l.AllowedRoutes = &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{
				From: pick(g.Random, new(gatewayv1.NamespacesFromSame), new(gatewayv1.NamespacesFromSelector)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "b"}},
			}}
		}
		o.Spec.Listeners = append(o.Spec.Listeners, l)
	}
	listener("http", gatewayHTTP, gatewayv1.HTTPProtocolType, nil, "")
	if g.oneIn(2) {
		listener("http-wild", gatewayHTTP, gatewayv1.HTTPProtocolType, nil, "*.wild.org")
	}
	terminate := &gatewayv1.ListenerTLSConfig{CertificateRefs: certificate}
	listener("https", gatewayHTTPS, gatewayv1.HTTPSProtocolType, terminate, pick(g.Random, "", "*.example.com"))
	if g.oneIn(2) {
		listener("https-wild", gatewayHTTPS, gatewayv1.HTTPSProtocolType, terminate, "*.wild.org")
	}
	if g.oneIn(2) {
		listener("https-one", gatewayHTTPS, gatewayv1.HTTPSProtocolType, terminate, "one.example.com")
	}
	listener("tls", gatewayTLS, gatewayv1.TLSProtocolType, &gatewayv1.ListenerTLSConfig{Mode: new(gatewayv1.TLSModePassthrough)}, "")
	listener("tls-ended", gatewayTLS, gatewayv1.TLSProtocolType, terminate, "three.example.org")
	listener("tcp", gatewayTCP, gatewayv1.TCPProtocolType, nil, "")
	if g.oneIn(4) {
		o.Spec.TLS = &gatewayv1.GatewayTLSConfig{Frontend: &gatewayv1.FrontendTLSConfig{Default: gatewayv1.TLSConfig{Validation: &gatewayv1.FrontendTLSValidation{
			Mode:              pick(g.Random, "", gatewayv1.AllowValidOnly, gatewayv1.AllowInsecureFallback),
			CACertificateRefs: []gatewayv1.ObjectReference{{Kind: "ConfigMap", Name: "clients"}},
		}}}}
		if f := o.Spec.TLS.Frontend; g.oneIn(2) {
			f.PerPort = []gatewayv1.TLSPortConfig{{Port: pick(g.Random, gatewayv1.PortNumber(gatewayHTTPS), gatewayTLS), TLS: f.Default}}
			f.Default = gatewayv1.TLSConfig{}
		}
	}
	if g.oneIn(4) {
		if o.Spec.TLS == nil {
			o.Spec.TLS = &gatewayv1.GatewayTLSConfig{}
		}
		o.Spec.TLS.Backend = &gatewayv1.GatewayBackendTLS{ClientCertificateRef: &gatewayv1.SecretObjectReference{Name: "secret-1"}}
	}
	g.add(kobj.Gateway, o)
	g.addListenerSet(all)
}

// allRoutes allows the routes of all namespaces.
func allRoutes() *gatewayv1.AllowedRoutes {
	return &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: new(gatewayv1.NamespacesFromAll)}}
}

// addListenerSet adds a ListenerSet with a listener at a port of its own, and one for a hostname at that of the Gateway.
func (g *Traffic) addListenerSet(all *gatewayv1.AllowedRoutes) {
	o := &gatewayv1.ListenerSet{ObjectMeta: g.meta(g.namespace(), "set")}
	o.Spec.ParentRef = gatewayv1.ParentGatewayReference{Name: "gateway", Namespace: new(gatewayv1.Namespace("a"))}
	o.Spec.Listeners = []gatewayv1.ListenerEntry{
		{Name: "http", Port: gatewaySet, Protocol: gatewayv1.HTTPProtocolType, AllowedRoutes: all},
		{Name: "http-two", Port: gatewayHTTP, Protocol: gatewayv1.HTTPProtocolType, AllowedRoutes: all, Hostname: new(gatewayv1.Hostname("two.example.com"))},
	}
	g.set = gatewayv1.ObjectName(o.Name)
	g.setNamespace = gatewayv1.Namespace(o.Namespace)
	g.add(kobj.ListenerSet, o)
}

// addRoutes adds routes of each kind to the Gateway.
func (g *Traffic) addRoutes(names []string) {
	for i := range 1 + g.rand.IntN(4) {
		r := &gatewayv1.HTTPRoute{ObjectMeta: g.meta(g.namespace(), fmt.Sprint("http-", i))}
		r.Spec.ParentRefs, r.Spec.Hostnames = g.servedParent("http", "https"), g.servedHostnames(names)
		g.target(r.Spec.Hostnames, gatewayHTTP, gatewayHTTPS)
		if g.oneIn(4) {
			g.ofSet(&r.Spec.CommonRouteSpec, r.Spec.Hostnames)
		}
		for range 1 + g.rand.IntN(3) {
			r.Spec.Rules = append(r.Spec.Rules, g.servedRule())
		}
		g.add(kobj.HTTPRoute, r)
	}
	for i := range g.rand.IntN(3) {
		r := &gatewayv1.GRPCRoute{ObjectMeta: g.meta(g.namespace(), fmt.Sprint("grpc-", i))}
		r.Spec.ParentRefs, r.Spec.Hostnames = g.servedParent("http", "https"), g.servedHostnames(names)
		g.target(r.Spec.Hostnames, gatewayHTTP, gatewayHTTPS)
		if g.oneIn(4) {
			g.ofSet(&r.Spec.CommonRouteSpec, r.Spec.Hostnames)
		}
		for range 1 + g.rand.IntN(2) {
			r.Spec.Rules = append(r.Spec.Rules, g.servedGRPCRule())
		}
		g.add(kobj.GRPCRoute, r)
	}
	for i := range g.rand.IntN(3) {
		r := &gatewayv1.TLSRoute{ObjectMeta: g.meta(g.namespace(), fmt.Sprint("tls-", i))}
		r.Spec.ParentRefs, r.Spec.Hostnames = g.servedParent(pick(g.Random, "tls", "tls", "tls-ended")), g.servedHostnames(names)
		if len(r.Spec.Hostnames) == 0 {
			r.Spec.Hostnames = []gatewayv1.Hostname{pick(g.Random, gatewayv1.Hostname("one.example.com"), "three.example.org")}
		}
		g.target(r.Spec.Hostnames, gatewayTLS)
		r.Spec.Rules = []gatewayv1.TLSRouteRule{{BackendRefs: g.servedRefs()}}
		g.add(kobj.TLSRoute, r)
	}
	if g.oneIn(2) {
		r := &gatewayv1.TCPRoute{ObjectMeta: g.meta(g.namespace(), "tcp")}
		r.Spec.ParentRefs, r.Spec.Rules = g.servedParent("tcp"), []gatewayv1.TCPRouteRule{{BackendRefs: g.servedRefs()}}
		g.hosts = append(g.hosts, target{host: "one.example.com", to: gatewayTCP})
		g.add(kobj.TCPRoute, r)
	}
}

// target makes requests to the hosts at the ports more frequent.
func (g *Traffic) target(hosts []gatewayv1.Hostname, ports ...int) {
	if len(hosts) == 0 {
		hosts = []gatewayv1.Hostname{"one.example.com"}
	}
	for _, h := range hosts {
		for _, p := range ports {
			g.hosts = append(g.hosts, target{host: string(h), to: p, secure: p == gatewayHTTPS || p == gatewayTLS})
		}
	}
}

// servedParent refers to the Gateway or to one of its listeners.
func (g *Traffic) servedParent(sections ...string) []gatewayv1.ParentReference {
	p := gatewayv1.ParentReference{Name: "gateway", Namespace: new(gatewayv1.Namespace("a"))}
	if g.oneIn(3) || len(sections) == 1 {
		p.SectionName = new(gatewayv1.SectionName(pick(g.Random, sections...)))
	} else if g.oneIn(6) {
		p.Port = new(pick(g.Random, gatewayv1.PortNumber(gatewayHTTP), gatewayHTTPS))
	}
	return []gatewayv1.ParentReference{p}
}

// ofSet attaches a route to the ListenerSet, too.
func (g *Traffic) ofSet(r *gatewayv1.CommonRouteSpec, hosts []gatewayv1.Hostname) {
	r.ParentRefs = append(r.ParentRefs, gatewayv1.ParentReference{Kind: new(gatewayv1.Kind(kobj.ListenerSet)), Name: g.set, Namespace: &g.setNamespace})
	g.target(hosts, gatewaySet)
}

func (g *Traffic) servedHostnames(names []string) (out []gatewayv1.Hostname) {
	for _, i := range g.rand.Perm(len(names))[:g.rand.IntN(3)] {
		out = append(out, gatewayv1.Hostname(names[i]))
	}
	return out
}

func (g *Traffic) servedRef() gatewayv1.BackendRef {
	b := gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{
		Name: gatewayv1.ObjectName(g.name("service")), Namespace: g.elsewhere(), Port: new(pick(g.Random, gatewayv1.PortNumber(80), 80, 81)),
	}}
	if g.oneIn(15) {
		b.Name = "none"
	}
	if g.oneIn(3) {
		b.Weight = new(pick(g.Random, int32(0), 3))
	}
	return b
}

func (g *Traffic) servedRefs() (out []gatewayv1.BackendRef) {
	for range 1 + g.rand.IntN(2) {
		out = append(out, g.servedRef())
	}
	return out
}

func (g *Traffic) servedRule() gatewayv1.HTTPRouteRule {
	var r gatewayv1.HTTPRouteRule
	if !g.oneIn(3) { // else every request
		g.repeat(3, func() { r.Matches = append(r.Matches, g.servedMatch()) })
	}
	kinds := map[gatewayv1.HTTPRouteFilterType]bool{}
	g.repeat(2, func() {
		if f := g.servedFilter(); !kinds[f.Type] || f.Type == gatewayv1.HTTPRouteFilterRequestMirror {
			kinds[f.Type] = true
			r.Filters = append(r.Filters, f)
		}
	})
	if kinds[gatewayv1.HTTPRouteFilterRequestRedirect] {
		return r
	}
	r.SessionPersistence = g.persistSessions()
	if g.oneIn(3) {
		r.Name = new(gatewayv1.SectionName("rule"))
	}
	for range 1 + g.rand.IntN(2) {
		b := gatewayv1.HTTPBackendRef{BackendRef: g.servedRef()}
		if g.among(4, themeHeaders) {
			b.Filters = []gatewayv1.HTTPRouteFilter{pick(g.Random,
				gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestHeaderModifier, RequestHeaderModifier: g.servedHeaderFilter()},
				gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterResponseHeaderModifier, ResponseHeaderModifier: g.servedHeaderFilter()})}
		}
		r.BackendRefs = append(r.BackendRefs, b)
	}
	if g.oneIn(6) {
		r.Timeouts = &gatewayv1.HTTPRouteTimeouts{Request: new(gatewayv1.Duration("20s")), BackendRequest: new(gatewayv1.Duration("10s"))}
	}
	if g.oneIn(6) {
		r.Retry = &gatewayv1.HTTPRouteRetry{Codes: []gatewayv1.HTTPRouteRetryStatusCode{500, 503}, Attempts: new(2), Backoff: pick(g.Random, nil, new(gatewayv1.Duration("10ms")))}
	}
	return r
}

func (g *Traffic) servedMatch() gatewayv1.HTTPRouteMatch {
	var m gatewayv1.HTTPRouteMatch
	if !g.oneIn(5) {
		m.Path = &gatewayv1.HTTPPathMatch{Type: pick(g.Random, nil, new(gatewayv1.PathMatchPathPrefix), new(gatewayv1.PathMatchExact)), Value: new(pick(g.Random, pathPrefixes()...))}
		if g.oneIn(6) {
			m.Path = &gatewayv1.HTTPPathMatch{Type: new(gatewayv1.PathMatchRegularExpression), Value: new(pick(g.Random, "/a.*", "/(a|ab)", "/x-[0-9]\\.y"))}
		}
	}
	if g.oneIn(5) {
		m.Method = new(gatewayv1.HTTPMethod(pick(g.Random, requestMethods()[:4]...)))
	}
	kind := func() *gatewayv1.HeaderMatchType {
		return pick(g.Random, nil, nil, new(gatewayv1.HeaderMatchRegularExpression))
	}
	if g.among(4, themeConditions) {
		m.Headers = append(m.Headers, gatewayv1.HTTPHeaderMatch{Type: kind(), Name: gatewayv1.HTTPHeaderName(pick(g.Random, "X-A", "x-b", "Host")), Value: pick(g.Random, "x", "y", "x.*", "one.example.com")})
	}
	if g.among(5, themeConditions) {
		t := pick(g.Random, nil, nil, new(gatewayv1.QueryParamMatchRegularExpression))
		m.QueryParams = append(m.QueryParams, gatewayv1.HTTPQueryParamMatch{Type: t, Name: gatewayv1.HTTPHeaderName(pick(g.Random, "q", "Q", "r")), Value: pick(g.Random, "x", "y", "x.*")})
	}
	return m
}

// filterKind selects a filter: mostly that of the theme.
func (g *Traffic) filterKind() int {
	kind, ok := map[string]int{themeRedirects: 0, themeRewrites: 1, themeHeaders: 2, themeCORS: 4}[g.theme]
	if any := g.rand.IntN(7); !ok || g.oneIn(3) {
		return any
	}
	return kind
}

func (g *Traffic) servedFilter() gatewayv1.HTTPRouteFilter {
	switch g.filterKind() {
	case 0:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestRedirect, RequestRedirect: g.httpRedirect()}
	case 1:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterURLRewrite, URLRewrite: &gatewayv1.HTTPURLRewriteFilter{
			Hostname: pick(g.Random, nil, new(gatewayv1.PreciseHostname("x.example"))), Path: g.pathModifier(),
		}}
	case 2:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterResponseHeaderModifier, ResponseHeaderModifier: g.servedHeaderFilter()}
	case 3:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestMirror, RequestMirror: &gatewayv1.HTTPRequestMirrorFilter{
			BackendRef: g.servedRef().BackendObjectReference, Percent: pick(g.Random, nil, nil, new(int32(20)), new(int32(0))),
		}}
	case 4:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterCORS, CORS: &gatewayv1.HTTPCORSFilter{
			AllowOrigins: pick(g.Random, []gatewayv1.CORSOrigin{"*"}, []gatewayv1.CORSOrigin{"https://a.example", "https://*.b.example"}),
			AllowMethods: pick(g.Random, nil, []gatewayv1.HTTPMethodWithWildcard{"*"}, []gatewayv1.HTTPMethodWithWildcard{"GET", "PUT"}),
			AllowHeaders: pick(g.Random, nil, []gatewayv1.HTTPHeaderName{"*"}, []gatewayv1.HTTPHeaderName{"X-A"}), AllowCredentials: pick(g.Random, nil, new(true)),
			ExposeHeaders: pick(g.Random, nil, []gatewayv1.HTTPHeaderName{"X-A", "X-B"}), MaxAge: pick(g.Random, int32(0), 5, 60),
		}}
	default:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestHeaderModifier, RequestHeaderModifier: g.servedHeaderFilter()}
	}
}

func (g *Traffic) servedHeaderFilter() *gatewayv1.HTTPHeaderFilter {
	names := []gatewayv1.HTTPHeaderName{"X-A", "X-B", "x-c", "X-Set", "User-Agent"}
	g.rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	f := &gatewayv1.HTTPHeaderFilter{}
	for i, name := range names[:1+g.rand.IntN(4)] {
		switch i % 3 {
		case 0:
			f.Set = append(f.Set, gatewayv1.HTTPHeader{Name: name, Value: pick(g.Random, "1", "%REQ(host)%", "50%")})
		case 1:
			f.Add = append(f.Add, gatewayv1.HTTPHeader{Name: name, Value: "2"})
		default:
			f.Remove = append(f.Remove, string(name))
		}
	}
	return f
}

func (g *Traffic) servedGRPCRule() gatewayv1.GRPCRouteRule {
	var r gatewayv1.GRPCRouteRule
	g.repeat(2, func() {
		m := gatewayv1.GRPCRouteMatch{Method: &gatewayv1.GRPCMethodMatch{Service: pick(g.Random, nil, new("a.B")), Method: pick(g.Random, new("Get"), new("Put"))}}
		if g.oneIn(4) {
			m.Method = &gatewayv1.GRPCMethodMatch{Type: new(gatewayv1.GRPCMethodMatchRegularExpression), Service: new(pick(g.Random, "a[.].", ".*")), Method: pick(g.Random, nil, new("G.*"))}
		}
		if g.oneIn(4) {
			m.Headers = []gatewayv1.GRPCHeaderMatch{{Name: "x-a", Value: "x"}}
		}
		r.Matches = append(r.Matches, m)
	})
	if g.oneIn(3) {
		r.Filters = []gatewayv1.GRPCRouteFilter{{Type: gatewayv1.GRPCRouteFilterRequestHeaderModifier, RequestHeaderModifier: g.servedHeaderFilter()}}
	}
	if g.oneIn(4) {
		r.Filters = append(r.Filters, gatewayv1.GRPCRouteFilter{Type: gatewayv1.GRPCRouteFilterResponseHeaderModifier, ResponseHeaderModifier: g.servedHeaderFilter()})
	}
	if g.oneIn(6) {
		r.Filters = append(r.Filters, gatewayv1.GRPCRouteFilter{Type: gatewayv1.GRPCRouteFilterRequestMirror, RequestMirror: &gatewayv1.HTTPRequestMirrorFilter{BackendRef: g.servedRef().BackendObjectReference}})
	}
	for _, b := range g.servedRefs() {
		to := gatewayv1.GRPCBackendRef{BackendRef: b}
		if g.oneIn(6) {
			to.Filters = []gatewayv1.GRPCRouteFilter{{Type: gatewayv1.GRPCRouteFilterResponseHeaderModifier, ResponseHeaderModifier: g.servedHeaderFilter()}}
		}
		r.BackendRefs = append(r.BackendRefs, to)
	}
	r.SessionPersistence = g.persistSessions()
	return r
}
