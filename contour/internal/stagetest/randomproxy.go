package stagetest

import contourv1 "contour.example/contour/api/projectcontour/v1"

func (w *Random) proxy(root bool) contourv1.HTTPProxySpec {
	var s contourv1.HTTPProxySpec
	if root {
		s.VirtualHost = w.virtualHost()
	}
	tls := root && s.VirtualHost.TLS != nil
	if tls && (s.VirtualHost.TLS.Passthrough || w.one(6)) || w.one(15) {
		s.TCPProxy = w.tcpProxy()
	}
	w.some(3, func() { s.Routes = append(s.Routes, w.route()) })
	w.some(2, func() { s.Includes = append(s.Includes, w.include()) })
	if w.one(20) {
		s.IngressClassName = pick(w, "contour", "other")
	}
	return s
}

func (w *Random) virtualHost() *contourv1.VirtualHost {
	vh := &contourv1.VirtualHost{Fqdn: w.host()}
	if w.one(2) {
		vh.TLS = &contourv1.TLS{
			SecretName:  mostly(w, texts{w.name("secret"), w.name("secret"), "a/" + w.name("secret"), "b/" + w.name("secret")}, ""),
			Passthrough: w.one(20), MinimumProtocolVersion: mostly(w, texts{"", "", "1.2", "1.3", "1.1"}, "x"), MaximumProtocolVersion: pick(w, "", "", "1.2", "1.3"),
		}
		if w.one(3) {
			vh.TLS.SecretName, vh.TLS.Passthrough = "", true
		}
		vh.TLS.EnableFallbackCertificate = w.one(15)
		if w.one(15) {
			vh.TLS.ClientValidation = &contourv1.DownstreamValidation{CACertificate: w.name("secret")}
		}
	}
	switch w.rand.IntN(40) {
	case 0:
		vh.Authorization = &contourv1.AuthorizationServer{FailOpen: true}
	case 1:
		vh.JWTProviders = []contourv1.JWTProvider{{Name: "p", Default: w.one(2)}}
	}
	vh.IPAllowFilterPolicy, vh.IPDenyFilterPolicy = w.ipFilters()
	vh.RateLimitPolicy, vh.CORSPolicy = w.rateLimit(), w.cors()
	return vh
}

func (w *Random) tcpProxy() *contourv1.TCPProxy {
	t := &contourv1.TCPProxy{}
	choice := w.rand.IntN(6)
	if choice > 1 || w.one(10) {
		t.Services = w.services()
	}
	switch choice {
	case 0:
		t.Include = &contourv1.TCPProxyInclude{Name: w.name("child"), Namespace: pick(w, "", w.namespace())}
	case 1:
		t.IncludesDeprecated = &contourv1.TCPProxyInclude{Name: w.name("child")}
	}
	return t
}

func (w *Random) include() contourv1.Include {
	i := contourv1.Include{Name: w.name(mostly(w, texts{"child"}, "root")), Namespace: pick(w, "", "", w.namespace())}
	i.Conditions = w.conditions()
	return i
}

// conditions are mostly a path first, and something else after it.
func (w *Random) conditions() []contourv1.MatchCondition {
	var out []contourv1.MatchCondition
	if w.one(2) {
		out = append(out, w.condition(w.rand.IntN(6)))
	}
	if w.one(3) {
		out = append(out, w.condition(mostly(w, []int{6, 7, 8}, 0, 1, 4, 5)))
	}
	return out
}

func (w *Random) condition(kind int) contourv1.MatchCondition {
	var c contourv1.MatchCondition
	text := mostly(w, texts{"x", "x", "y", "é"}, "", "\r\n")
	switch kind {
	case 0, 1, 2, 3:
		c.Prefix = mostly(w, texts{"/", "/a", "/a/", "/a/b", "//", "/%41"}, "a", "/c?d")
	case 4:
		c.Exact = mostly(w, texts{"/a", "/a/b", "/"}, "b")
	case 5:
		c.Regex = mostly(w, texts{"/a.*", "/(x|y)", "/\\d{1000}", "/a$"}, "/[", "/(?=a)", "^/a$")
	case 6, 7:
		h := &contourv1.HeaderMatchCondition{Name: mostly(w, texts{"X-A", "x-a", "x-b", ":method"}, "", "bad name"), IgnoreCase: w.one(3), TreatMissingAsEmpty: w.one(3)}
		*pick(w, &h.Exact, &h.NotExact, &h.Contains, &h.NotContains, &h.Regex) = text
		h.Present, h.NotPresent = w.one(20), w.one(20)
		c.Header = h
	default:
		q := &contourv1.QueryParameterMatchCondition{Name: mostly(w, texts{"q", "r"}, ""), IgnoreCase: w.one(3), Present: w.one(20)}
		*pick(w, &q.Exact, &q.Prefix, &q.Suffix, &q.Contains, &q.Regex) = text
		c.QueryParameter = q
	}
	return c
}

func (w *Random) route() contourv1.Route {
	r := contourv1.Route{PermitInsecure: w.one(3), EnableWebsockets: w.one(3)}
	r.Conditions = w.conditions()
	switch w.rand.IntN(12) {
	case 0:
		r.RequestRedirectPolicy = w.redirect()
	case 1:
		r.DirectResponsePolicy = &contourv1.HTTPDirectResponsePolicy{StatusCode: mostly(w, []int{200, 404, 503}, 99, 600), Body: mostly(w, texts{"", "hello"}, string(make([]byte, 5000)))}
	case 2: // perhaps two actions, or none
		r.RequestRedirectPolicy, r.Services = pick(w, nil, w.redirect()), pick(w, nil, w.services())
	default:
		r.Services = w.services()
	}
	w.policies(&r)
	w.unsupported(&r)
	return r
}

func (w *Random) redirect() *contourv1.HTTPRequestRedirectPolicy {
	r := &contourv1.HTTPRequestRedirectPolicy{}
	if w.one(2) {
		r.Hostname = new(mostly(w, texts{"other.example.com"}, "bad host", "é"))
	}
	if w.one(3) {
		r.Port = new(mostly(w, []int32{8080}, 0, 70000))
	}
	if w.one(3) {
		r.Scheme = new(mostly(w, texts{"https", "http"}, "ftp"))
	}
	if w.one(3) {
		r.StatusCode = new(mostly(w, []contourv1.RedirectResponseCode{301, 302, 308}, 200))
	}
	if w.one(3) {
		r.Path = new(mostly(w, texts{"/new", "/new?x=y"}, "new", "/\r\n"))
	}
	if w.one(3) {
		r.Prefix = new(mostly(w, texts{"/new", "/"}, "new"))
	}
	return r
}

func (w *Random) policies(r *contourv1.Route) {
	if w.one(4) {
		r.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: w.duration(), Idle: w.duration(), IdleConnection: w.duration()}
	}
	if w.one(4) {
		r.RetryPolicy = &contourv1.RetryPolicy{
			NumRetries: mostly(w, []int64{0, 1, -1, 5}, -2, 1<<40), PerTryTimeout: w.duration(),
			RetryOn: mostly(w, [][]contourv1.RetryOn{nil, {"5xx", "reset"}}, []contourv1.RetryOn{"nonsense"}), RetriableStatusCodes: mostly(w, [][]uint32{nil, {503}}, []uint32{7}),
		}
	}
	if w.one(4) {
		r.PathRewritePolicy = &contourv1.PathRewritePolicy{}
		w.some(2, func() {
			r.PathRewritePolicy.ReplacePrefix = append(r.PathRewritePolicy.ReplacePrefix, contourv1.ReplacePrefix{
				Prefix: pick(w, "", "/a", "/a/b", "/"), Replacement: mostly(w, texts{"/new", "/", "/new/"}, "", "new"),
			})
		})
	}
	r.RequestHeadersPolicy, r.ResponseHeadersPolicy = w.headers(), w.headers()
	r.IPAllowFilterPolicy, r.IPDenyFilterPolicy = w.ipFilters()
	r.RateLimitPolicy = w.rateLimit()
}

func (w *Random) duration() string {
	return mostly(w, texts{"", "1s", "250ms", "infinity", "0", "0s", "1us"}, "nonsense", "-1s", "9000000h")
}

func (w *Random) headers() *contourv1.HeadersPolicy {
	if !w.one(6) {
		return nil
	}
	h := &contourv1.HeadersPolicy{}
	w.some(2, func() {
		h.Set = append(h.Set, contourv1.HeaderValue{
			Name:  mostly(w, texts{"X-Set", "x-set", "X-Other", "X-More", "Host"}, "bad name", ":path", "é"),
			Value: mostly(w, texts{"v", "100%", "%REQ(X-A)%", "%PROTOCOL%", "%NONSENSE%", "%CONTOUR_NAMESPACE%", "other.example.com", "%REQ(X-A", "%%"}, "a\r\nb", ""),
		})
	})
	w.some(2, func() {
		h.Remove = append(h.Remove, mostly(w, texts{"X-Gone", "X-Away", "X-Set"}, "x-gone", "Host", "", ":path"))
	})
	return h
}

func (w *Random) services() []contourv1.Service {
	var out []contourv1.Service
	for range 1 + w.rand.IntN(3) {
		s := contourv1.Service{Name: w.name("service"), Port: mostly(w, []int{80, 80, 80, 81}, 0, 65536), Weight: mostly(w, []int64{0, 1, 10, 90}, -1, 1<<33)}
		if w.one(4) {
			s.Protocol = new(mostly(w, texts{"h2", "h2c", "tls"}, "spdy"))
		}
		if w.one(5) {
			s.UpstreamValidation = &contourv1.UpstreamValidation{CACertificate: pick(w, w.name("secret"), "b/"+w.name("secret")), SubjectName: mostly(w, texts{"one", "two"}, "")}
			if w.one(3) {
				s.UpstreamValidation.SubjectNames = pick(w, []string{"one", "two"}, []string{"two"})
			}
		}
		s.Mirror = w.one(20)
		s.RequestHeadersPolicy, s.ResponseHeadersPolicy = w.headers(), w.headers()
		out = append(out, s)
	}
	return out
}

// unsupported sets, now and then, a field that is not served.
func (w *Random) unsupported(r *contourv1.Route) {
	switch w.rand.IntN(60) {
	case 0:
		r.AuthPolicy = &contourv1.AuthorizationPolicy{Disabled: new(w.one(2))}
	case 1:
		r.JWTVerificationPolicy = &contourv1.JWTVerificationPolicy{Require: "p"}
	case 2:
		r.HealthCheckPolicy = &contourv1.HTTPHealthCheckPolicy{Path: "/health"}
	case 3:
		r.LoadBalancerPolicy = &contourv1.LoadBalancerPolicy{Strategy: pick(w, "Cookie", "Random", "RoundRobin")}
	}
}
