package stagetest

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func (g *Random) httpRule() gatewayv1.HTTPRouteRule {
	var r gatewayv1.HTTPRouteRule
	g.repeat(2, func() { r.Matches = append(r.Matches, g.httpMatch()) })
	g.repeat(2, func() { r.Filters = append(r.Filters, g.httpFilter()) })
	g.repeat(3, func() {
		b := gatewayv1.HTTPBackendRef{BackendRef: g.backendRef()}
		if g.oneIn(4) {
			b.Filters = append(b.Filters, g.httpFilter())
		}
		r.BackendRefs = append(r.BackendRefs, b)
	})
	if g.oneIn(4) {
		r.Timeouts = &gatewayv1.HTTPRouteTimeouts{Request: g.gatewayDuration(), BackendRequest: g.gatewayDuration()}
	}
	if g.oneIn(6) {
		r.Retry = &gatewayv1.HTTPRouteRetry{
			Codes:    mostly(g, [][]gatewayv1.HTTPRouteRetryStatusCode{nil, {500, 503}}, []gatewayv1.HTTPRouteRetryStatusCode{99}),
			Attempts: mostly(g, []*int{nil, new(3)}, new(-1)), Backoff: g.gatewayDuration(),
		}
	}
	if g.oneIn(4) {
		r.SessionPersistence = g.persistence()
	}
	return r
}

func (g *Random) persistence() *gatewayv1.SessionPersistence {
	p := &gatewayv1.SessionPersistence{
		SessionName: mostly(g, []*string{nil, nil, new("session"), new("X-Session")}, new(""), new("a b"), new("host")),
		Type:        mostly(g, []*gatewayv1.SessionPersistenceType{nil, new(gatewayv1.CookieBasedSessionPersistence), new(gatewayv1.HeaderBasedSessionPersistence)}, new(gatewayv1.SessionPersistenceType("Other"))),
	}
	if g.oneIn(3) {
		p.CookieConfig = &gatewayv1.CookieConfig{LifetimeType: mostly(g, []*gatewayv1.CookieLifetimeType{nil, new(gatewayv1.PermanentCookieLifetimeType)}, new(gatewayv1.CookieLifetimeType("Other")))}
		p.AbsoluteTimeout = g.gatewayDuration()
	}
	return p
}

func (g *Random) gatewayDuration() *gatewayv1.Duration {
	return mostly(g, []*gatewayv1.Duration{nil, new(gatewayv1.Duration("1s")), new(gatewayv1.Duration("0s"))}, new(gatewayv1.Duration("long")), new(gatewayv1.Duration("infinity")))
}

func (g *Random) httpMatch() gatewayv1.HTTPRouteMatch {
	var m gatewayv1.HTTPRouteMatch
	if !g.oneIn(4) {
		m.Path = &gatewayv1.HTTPPathMatch{
			Type:  mostly(g, []*gatewayv1.PathMatchType{nil, new(gatewayv1.PathMatchPathPrefix), new(gatewayv1.PathMatchExact), new(gatewayv1.PathMatchRegularExpression)}, new(gatewayv1.PathMatchType("Other"))),
			Value: mostly(g, []*string{nil, new("/"), new("/a"), new("/a/b"), new("/a/")}, new(""), new("a"), new("/["), new("/a?b")),
		}
	}
	if g.oneIn(4) {
		m.Method = mostly(g, []*gatewayv1.HTTPMethod{new(gatewayv1.HTTPMethodGet), new(gatewayv1.HTTPMethodPost)}, new(gatewayv1.HTTPMethod("get it")))
	}
	if g.oneIn(4) {
		m.Headers = []gatewayv1.HTTPHeaderMatch{{
			Type: pick(g, nil, new(gatewayv1.HeaderMatchRegularExpression)),
			Name: mostly(g, []gatewayv1.HTTPHeaderName{"X-A", "x-a", "host"}, "", "bad name"), Value: mostly(g, texts{"1", "a.*"}, "(", "\r\n"),
		}}
	}
	if g.oneIn(6) {
		m.QueryParams = []gatewayv1.HTTPQueryParamMatch{{Name: mostly(g, []gatewayv1.HTTPHeaderName{"q", "Q"}, ""), Value: "1"}}
	}
	return m
}

func (g *Random) httpFilter() gatewayv1.HTTPRouteFilter {
	switch g.rand.IntN(7) {
	case 0:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestRedirect, RequestRedirect: g.httpRedirect()}
	case 1:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterURLRewrite, URLRewrite: &gatewayv1.HTTPURLRewriteFilter{
			Hostname: mostly(g, []*gatewayv1.PreciseHostname{nil, new(gatewayv1.PreciseHostname("x.example"))}, new(gatewayv1.PreciseHostname("bad_host"))), Path: g.pathModifier(),
		}}
	case 2:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterResponseHeaderModifier, ResponseHeaderModifier: g.headerFilter()}
	case 3:
		m := &gatewayv1.HTTPRequestMirrorFilter{BackendRef: g.backendRef().BackendObjectReference}
		if g.oneIn(2) {
			m.Percent = mostly(g, []*int32{new(int32(20)), new(int32(100))}, new(int32(-1)), new(int32(101)))
		}
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestMirror, RequestMirror: m}
	case 4:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterCORS, CORS: &gatewayv1.HTTPCORSFilter{
			AllowOrigins: mostly(g, [][]gatewayv1.CORSOrigin{{"*"}, {"https://a.example", "https://*.b.example"}}, []gatewayv1.CORSOrigin{"no origin"}, nil),
			AllowMethods: mostly(g, [][]gatewayv1.HTTPMethodWithWildcard{nil, {"*"}, {"GET", "PUT"}}, []gatewayv1.HTTPMethodWithWildcard{"\n"}),
		}}
	case 5:
		return gatewayv1.HTTPRouteFilter{Type: mostly(g, []gatewayv1.HTTPRouteFilterType{gatewayv1.HTTPRouteFilterExtensionRef, gatewayv1.HTTPRouteFilterRequestMirror, gatewayv1.HTTPRouteFilterURLRewrite}, "Other")}
	default:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestHeaderModifier, RequestHeaderModifier: g.headerFilter()}
	}
}

func (g *Random) httpRedirect() *gatewayv1.HTTPRequestRedirectFilter {
	return &gatewayv1.HTTPRequestRedirectFilter{
		Scheme:     mostly(g, []*string{nil, new("https")}, new("ftp")),
		Hostname:   mostly(g, []*gatewayv1.PreciseHostname{nil, new(gatewayv1.PreciseHostname("x.example"))}, new(gatewayv1.PreciseHostname("bad host"))),
		Port:       mostly(g, []*gatewayv1.PortNumber{nil, new(gatewayv1.PortNumber(8443))}, new(gatewayv1.PortNumber(0))),
		StatusCode: mostly(g, []*int{nil, new(301), new(308)}, new(200)), Path: g.pathModifier(),
	}
}

func (g *Random) pathModifier() *gatewayv1.HTTPPathModifier {
	path := mostly(g, []*string{new("/"), new(""), new("/v2"), new(`/\1`)}, nil, new("\r\n"))
	return pick(g, nil,
		&gatewayv1.HTTPPathModifier{Type: gatewayv1.FullPathHTTPPathModifier, ReplaceFullPath: path},
		&gatewayv1.HTTPPathModifier{Type: gatewayv1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: path})
}

func (g *Random) headerFilter() *gatewayv1.HTTPHeaderFilter {
	name := func() gatewayv1.HTTPHeaderName {
		return mostly(g, []gatewayv1.HTTPHeaderName{"X-A", "X-B", "x-a"}, "", "bad name", ":path", "Host", "Connection", "Content-Length")
	}
	f := &gatewayv1.HTTPHeaderFilter{}
	g.repeat(2, func() {
		f.Set = append(f.Set, gatewayv1.HTTPHeader{Name: name(), Value: mostly(g, texts{"1", "%REQ(host)%"}, "\r\n")})
	})
	g.repeat(1, func() { f.Add = append(f.Add, gatewayv1.HTTPHeader{Name: name(), Value: "2"}) })
	g.repeat(2, func() { f.Remove = append(f.Remove, string(name())) })
	return f
}

func (g *Random) backendRef() gatewayv1.BackendRef {
	b := gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{
		Kind: mostly(g, []*gatewayv1.Kind{nil, new(gatewayv1.Kind("Service"))}, new(gatewayv1.Kind("Other"))),
		Name: gatewayv1.ObjectName(g.name("service")), Namespace: g.elsewhere(), Port: mostly(g, []*gatewayv1.PortNumber{new(gatewayv1.PortNumber(80)), new(gatewayv1.PortNumber(80)), new(gatewayv1.PortNumber(81))}, nil, new(gatewayv1.PortNumber(82))),
	}}
	if g.oneIn(3) {
		b.Weight = mostly(g, []*int32{new(int32(0)), new(int32(3))}, new(int32(-1)), new(int32(2_000_000)))
	}
	return b
}

func (g *Random) backendRefs() (out []gatewayv1.BackendRef) {
	g.repeat(3, func() { out = append(out, g.backendRef()) })
	return out
}

func (g *Random) grpcRule() gatewayv1.GRPCRouteRule {
	var r gatewayv1.GRPCRouteRule
	g.repeat(2, func() {
		m := gatewayv1.GRPCRouteMatch{Method: &gatewayv1.GRPCMethodMatch{
			Type:    pick(g, nil, new(gatewayv1.GRPCMethodMatchRegularExpression)),
			Service: mostly(g, []*string{nil, new("a.B")}, new(""), new("(")), Method: mostly(g, []*string{nil, new("Get")}, new("a/b")),
		}}
		if g.oneIn(3) {
			m.Headers = []gatewayv1.GRPCHeaderMatch{{Name: "x-a", Value: "1"}}
		}
		r.Matches = append(r.Matches, m)
	})
	if g.oneIn(3) {
		r.Filters = []gatewayv1.GRPCRouteFilter{{Type: gatewayv1.GRPCRouteFilterRequestHeaderModifier, RequestHeaderModifier: g.headerFilter()}}
	}
	g.repeat(2, func() { r.BackendRefs = append(r.BackendRefs, gatewayv1.GRPCBackendRef{BackendRef: g.backendRef()}) })
	if g.oneIn(4) {
		r.SessionPersistence = g.persistence()
	}
	return r
}
