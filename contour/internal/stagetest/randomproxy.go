package stagetest

import contourv1 "contour.example/contour/api/projectcontour/v1"

func (g *Random) proxy(root bool) contourv1.HTTPProxySpec {
	var s contourv1.HTTPProxySpec
	if root {
		s.VirtualHost = g.virtualHost()
	}
	tls := root && s.VirtualHost.TLS != nil
	if tls && (s.VirtualHost.TLS.Passthrough || g.oneIn(6)) || g.oneIn(15) {
		s.TCPProxy = g.tcpProxy()
	}
	g.repeat(3, func() { s.Routes = append(s.Routes, g.route()) })
	g.repeat(2, func() { s.Includes = append(s.Includes, g.include()) })
	if g.oneIn(20) {
		s.IngressClassName = pick(g, "contour", "other")
	}
	return s
}

func (g *Random) virtualHost() *contourv1.VirtualHost {
	vh := &contourv1.VirtualHost{Fqdn: g.host()}
	if g.oneIn(2) {
		vh.TLS = &contourv1.TLS{
			SecretName:  mostly(g, texts{g.name("secret"), g.name("secret"), "a/" + g.name("secret"), "b/" + g.name("secret")}, ""),
			Passthrough: g.oneIn(20), MinimumProtocolVersion: mostly(g, texts{"", "", "1.2", "1.3", "1.1"}, "x"), MaximumProtocolVersion: pick(g, "", "", "1.2", "1.3"),
		}
		if g.oneIn(3) {
			vh.TLS.SecretName, vh.TLS.Passthrough = "", true
		}
		vh.TLS.EnableFallbackCertificate = g.oneIn(6)
		if g.oneIn(4) {
			vh.TLS.ClientValidation = g.clientValidation()
		}
	}
	if g.oneIn(4) {
		vh.Authorization = g.authorization()
	}
	if g.oneIn(40) {
		vh.Authorization = &contourv1.AuthorizationServer{FailOpen: true} // of the global service
	}
	vh.JWTProviders = g.jwtProviders()
	vh.IPAllowFilterPolicy, vh.IPDenyFilterPolicy = g.ipFilters()
	vh.RateLimitPolicy, vh.CORSPolicy = g.rateLimit(), g.cors()
	return vh
}

func (g *Random) clientValidation() *contourv1.DownstreamValidation {
	v := &contourv1.DownstreamValidation{
		CACertificate:            mostly(g, texts{g.name("secret"), g.name("secret"), "b/" + g.name("secret")}, ""),
		SkipClientCertValidation: g.oneIn(5), OptionalClientCertificate: g.oneIn(3), OnlyVerifyLeafCertCrl: g.oneIn(3),
	}
	if g.oneIn(2) {
		v.CertificateRevocationList = pick(g, g.name("secret"), g.name("secret"), "a/"+g.name("secret"))
	}
	if g.oneIn(2) {
		v.ForwardClientCertificate = &contourv1.ClientCertificateDetails{
			Subject: g.oneIn(2), Cert: g.oneIn(2), Chain: g.oneIn(2), DNS: g.oneIn(2), URI: g.oneIn(2),
		}
	}
	return v
}

func (g *Random) tcpProxy() *contourv1.TCPProxy {
	t := &contourv1.TCPProxy{}
	choice := g.rand.IntN(6)
	if choice > 1 || g.oneIn(10) {
		t.Services = g.services()
	}
	switch choice {
	case 0:
		t.Include = &contourv1.TCPProxyInclude{Name: g.name("child"), Namespace: pick(g, "", g.namespace())}
	case 1:
		t.IncludesDeprecated = &contourv1.TCPProxyInclude{Name: g.name("child")}
	}
	t.LoadBalancerPolicy = g.loadBalancer()
	if c := g.healthCheck(); c != nil {
		t.HealthCheckPolicy = &contourv1.TCPHealthCheckPolicy{IntervalSeconds: c.IntervalSeconds, TimeoutSeconds: c.TimeoutSeconds, HealthyThresholdCount: uint32(c.HealthyThresholdCount)}
	}
	return t
}

func (g *Random) include() contourv1.Include {
	i := contourv1.Include{Name: g.name(mostly(g, texts{"child"}, "root")), Namespace: pick(g, "", "", g.namespace())}
	i.Conditions = g.conditions()
	return i
}

// conditions returns an optional condition on the path and an optional other one.
func (g *Random) conditions() []contourv1.MatchCondition {
	var out []contourv1.MatchCondition
	if g.oneIn(2) {
		out = append(out, g.condition(g.rand.IntN(6)))
	}
	if g.oneIn(3) {
		out = append(out, g.condition(mostly(g, []int{6, 7, 8}, 0, 1, 4, 5)))
	}
	return out
}

func (g *Random) condition(kind int) contourv1.MatchCondition {
	var c contourv1.MatchCondition
	text := mostly(g, texts{"x", "x", "y", "é"}, "", "\r\n")
	switch kind {
	case 0, 1, 2, 3:
		c.Prefix = mostly(g, texts{"/", "/a", "/a/", "/a/b", "//", "/%41"}, "a", "/c?d")
	case 4:
		c.Exact = mostly(g, texts{"/a", "/a/b", "/"}, "b")
	case 5:
		c.Regex = mostly(g, texts{"/a.*", "/(x|y)", "/\\d{1000}", "/a$"}, "/[", "/(?=a)", "^/a$")
	case 6, 7:
		h := &contourv1.HeaderMatchCondition{Name: mostly(g, texts{"X-A", "x-a", "x-b", ":method"}, "", "bad name"), IgnoreCase: g.oneIn(3), TreatMissingAsEmpty: g.oneIn(3)}
		*pick(g, &h.Exact, &h.NotExact, &h.Contains, &h.NotContains, &h.Regex) = text
		h.Present, h.NotPresent = g.oneIn(20), g.oneIn(20)
		c.Header = h
	default:
		q := &contourv1.QueryParameterMatchCondition{Name: mostly(g, texts{"q", "r"}, ""), IgnoreCase: g.oneIn(3), Present: g.oneIn(20)}
		*pick(g, &q.Exact, &q.Prefix, &q.Suffix, &q.Contains, &q.Regex) = text
		c.QueryParameter = q
	}
	return c
}

func (g *Random) route() contourv1.Route {
	r := contourv1.Route{PermitInsecure: g.oneIn(3), EnableWebsockets: g.oneIn(3)}
	r.Conditions = g.conditions()
	switch g.rand.IntN(12) {
	case 0:
		r.RequestRedirectPolicy = g.redirect()
	case 1:
		r.DirectResponsePolicy = &contourv1.HTTPDirectResponsePolicy{StatusCode: mostly(g, []int{200, 404, 503}, 99, 600), Body: mostly(g, texts{"", "hello"}, string(make([]byte, 5000)))}
	case 2: // possibly two actions or none
		r.RequestRedirectPolicy, r.Services = pick(g, nil, g.redirect()), pick(g, nil, g.services())
	default:
		r.Services = g.services()
	}
	g.policies(&r)
	r.AuthPolicy = g.authPolicy()
	r.InternalRedirectPolicy = g.internalRedirects()
	return r
}

func (g *Random) redirect() *contourv1.HTTPRequestRedirectPolicy {
	r := &contourv1.HTTPRequestRedirectPolicy{}
	if g.oneIn(2) {
		r.Hostname = new(mostly(g, texts{"other.example.com"}, "bad host", "é"))
	}
	if g.oneIn(3) {
		r.Port = new(mostly(g, []int32{8080}, 0, 70000))
	}
	if g.oneIn(3) {
		r.Scheme = new(mostly(g, texts{"https", "http"}, "ftp"))
	}
	if g.oneIn(3) {
		r.StatusCode = new(mostly(g, []contourv1.RedirectResponseCode{301, 302, 308}, 200))
	}
	if g.oneIn(3) {
		r.Path = new(mostly(g, texts{"/new", "/new?x=y"}, "new", "/\r\n"))
	}
	if g.oneIn(3) {
		r.Prefix = new(mostly(g, texts{"/new", "/"}, "new"))
	}
	return r
}

func (g *Random) policies(r *contourv1.Route) {
	if g.oneIn(4) {
		r.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: g.duration(), Idle: g.duration(), IdleConnection: g.duration()}
	}
	if g.oneIn(4) {
		r.RetryPolicy = &contourv1.RetryPolicy{
			NumRetries: mostly(g, []int64{0, 1, -1, 5}, -2, 1<<40), PerTryTimeout: g.duration(),
			RetryOn: mostly(g, [][]contourv1.RetryOn{nil, {"5xx", "reset"}}, []contourv1.RetryOn{"nonsense"}), RetriableStatusCodes: mostly(g, [][]uint32{nil, {503}}, []uint32{7}),
		}
	}
	if g.oneIn(4) {
		r.PathRewritePolicy = &contourv1.PathRewritePolicy{}
		g.repeat(2, func() {
			r.PathRewritePolicy.ReplacePrefix = append(r.PathRewritePolicy.ReplacePrefix, contourv1.ReplacePrefix{
				Prefix: pick(g, "", "/a", "/a/b", "/"), Replacement: mostly(g, texts{"/new", "/", "/new/"}, "", "new"),
			})
		})
	}
	r.RequestHeadersPolicy, r.ResponseHeadersPolicy = g.headers(), g.headers()
	r.IPAllowFilterPolicy, r.IPDenyFilterPolicy = g.ipFilters()
	r.RateLimitPolicy, r.JWTVerificationPolicy = g.rateLimit(), g.jwtPolicy()
	r.LoadBalancerPolicy, r.HealthCheckPolicy = g.loadBalancer(), g.healthCheck()
	r.CookieRewritePolicies = g.cookieRewrites()
}

func (g *Random) duration() string {
	return mostly(g, texts{"", "1s", "250ms", "infinity", "0", "0s", "1us"}, "nonsense", "-1s", "9000000h")
}

func (g *Random) headers() *contourv1.HeadersPolicy {
	if !g.oneIn(6) {
		return nil
	}
	h := &contourv1.HeadersPolicy{}
	g.repeat(2, func() {
		h.Set = append(h.Set, contourv1.HeaderValue{
			Name:  mostly(g, texts{"X-Set", "x-set", "X-Other", "X-More", "Host"}, "bad name", ":path", "é", "Content-Length", "connection"),
			Value: mostly(g, texts{"v", "100%", "%REQ(X-A)%", "%PROTOCOL%", "%NONSENSE%", "%CONTOUR_NAMESPACE%", "other.example.com", "%REQ(X-A", "%%"}, "a\r\nb", ""),
		})
	})
	g.repeat(2, func() {
		h.Remove = append(h.Remove, mostly(g, texts{"X-Gone", "X-Away", "X-Set"}, "x-gone", "Host", "", ":path", "transfer-encoding", "TE"))
	})
	return h
}

func (g *Random) services() []contourv1.Service {
	var out []contourv1.Service
	for range 1 + g.rand.IntN(3) {
		s := contourv1.Service{Name: g.name("service"), Port: mostly(g, []int{80, 80, 80, 81}, 0, 65536), Weight: mostly(g, []int64{0, 1, 10, 90}, -1, 1<<33)}
		if g.oneIn(4) {
			s.Protocol = new(mostly(g, texts{"h2", "h2c", "tls"}, "spdy"))
		}
		if g.oneIn(5) {
			s.UpstreamValidation = &contourv1.UpstreamValidation{CACertificate: pick(g, g.name("secret"), "b/"+g.name("secret")), SubjectName: mostly(g, texts{"one", "two"}, "")}
			if g.oneIn(3) {
				s.UpstreamValidation.SubjectNames = pick(g, []string{"one", "two"}, []string{"two"})
			}
		}
		g.upstream(&s)
		s.RequestHeadersPolicy, s.ResponseHeadersPolicy = g.headers(), g.headers()
		out = append(out, s)
	}
	return out
}

// internalRedirects rarely returns a policy for redirects of services.
func (g *Random) internalRedirects() *contourv1.HTTPInternalRedirectPolicy {
	if !g.oneIn(8) {
		return nil
	}
	return &contourv1.HTTPInternalRedirectPolicy{
		MaxInternalRedirects:      pick(g, uint32(0), 1, 3, 1<<32-1),
		RedirectResponseCodes:     mostly(g, [][]contourv1.RedirectResponseCode{nil, {302, 301, 302}, {301, 302, 303, 307, 308, 301}}, []contourv1.RedirectResponseCode{304}),
		AllowCrossSchemeRedirect:  mostly(g, texts{"", "Always", "SafeOnly", "Never"}, "Sometimes"),
		DenyRepeatedRouteRedirect: g.oneIn(2),
	}
}
