package stagetest

import (
	"fmt"
	"slices"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
)

// addProxy adds a root with the proxies that it includes.
func (g *Traffic) addProxy(i int, host string) {
	ns := g.namespace()
	root := &contourv1.HTTPProxy{ObjectMeta: g.meta(ns, fmt.Sprint("root-", i))}
	root.Spec.VirtualHost = g.servedHost(host)
	passthrough := root.Spec.VirtualHost.TLS != nil && root.Spec.VirtualHost.TLS.Passthrough
	if passthrough || root.Spec.VirtualHost.TLS != nil && g.oneIn(12) {
		g.forwardBytes(root)
	}
	g.nameProviders(root)
	g.hosts = append(g.hosts, target{host: host})
	if root.Spec.VirtualHost.TLS != nil {
		g.hosts = append(g.hosts, target{host: host, secure: true}, target{host: host, secure: true})
	}
	g.fillProxy(root, 0, fmt.Sprint("child-", i))
	g.add(kobj.HTTPProxy, root)
}

// forwardBytes makes a root, or a proxy that it includes, forward the bytes of connections.
func (g *Traffic) forwardBytes(root *contourv1.HTTPProxy) {
	to := &contourv1.TCPProxy{Services: []contourv1.Service{{Name: g.name("service"), Port: 80}, {Name: g.name("service"), Port: 81, Weight: 3}}}
	if g.oneIn(3) {
		to.LoadBalancerPolicy = &contourv1.LoadBalancerPolicy{Strategy: pick(g.Random, "Random", "WeightedLeastRequest")}
	}
	if g.oneIn(4) {
		to.HealthCheckPolicy = &contourv1.TCPHealthCheckPolicy{IntervalSeconds: 60, TimeoutSeconds: 20}
	}
	if !g.oneIn(3) {
		root.Spec.TCPProxy = to
		return
	}
	child := &contourv1.HTTPProxy{ObjectMeta: g.meta(root.Namespace, root.Name+"-bytes"), Spec: contourv1.HTTPProxySpec{TCPProxy: to}}
	include := &contourv1.TCPProxyInclude{Name: child.Name, Namespace: pick(g.Random, "", child.Namespace)}
	root.Spec.TCPProxy = pick(g.Random, &contourv1.TCPProxy{Include: include}, &contourv1.TCPProxy{IncludesDeprecated: include})
	g.add(kobj.HTTPProxy, child)
}

// nameProviders makes some providers of a root fetch their key set.
func (g *Traffic) nameProviders(root *contourv1.HTTPProxy) {
	for i := range root.Spec.VirtualHost.JWTProviders {
		if p := &root.Spec.VirtualHost.JWTProviders[i]; g.oneIn(4) {
			p.LocalJWKS, p.RemoteJWKS = nil, &contourv1.RemoteJWKS{URI: "https://issuer.example.org/keys"}
			g.remote = append(g.remote, jwks.Owner{Proxy: kobj.Name{Namespace: root.Namespace, Name: root.Name}, Provider: p.Name})
		}
	}
}

// fillProxy adds routes, and includes of new proxies.
func (g *Traffic) fillProxy(p *contourv1.HTTPProxy, depth int, child string) {
	for range 1 + g.rand.IntN(4) {
		p.Spec.Routes = append(p.Spec.Routes, g.servedRoute())
	}
	if depth == 0 && !g.oneIn(3) {
		r := contourv1.Route{PermitInsecure: true, EnableWebsockets: g.oneIn(2), Services: g.servedServices()}
		g.servedPolicies(&r)
		p.Spec.Routes = append(p.Spec.Routes, r)
	}
	for n := range g.rand.IntN(3 - depth) {
		c := &contourv1.HTTPProxy{ObjectMeta: g.meta(g.namespace(), fmt.Sprint(child, "-", n))}
		if !g.oneIn(3) {
			c.Annotations = map[string]string{ref.IncludeFrom: pick(g.Random, "*", "a", "a, b")} // counts if the setting demands consent
		}
		i := contourv1.Include{Name: c.Name, Namespace: c.Namespace}
		if !g.oneIn(4) {
			i.Conditions = append(i.Conditions, contourv1.MatchCondition{Prefix: pick(g.Random, pathPrefixes()...)})
		}
		if g.oneIn(4) {
			i.Conditions = append(i.Conditions, g.servedCondition())
		}
		p.Spec.Includes = append(p.Spec.Includes, i)
		g.fillProxy(c, depth+1, c.Name)
		g.add(kobj.HTTPProxy, c)
	}
}

// servedHost returns the settings of a host: seldom those that answer most requests alike.
func (g *Traffic) servedHost(host string) *contourv1.VirtualHost {
	vh := &contourv1.VirtualHost{Fqdn: host}
	if g.among(2, themeAuthorization, themeCertificates, themeTokens) {
		vh.TLS = &contourv1.TLS{SecretName: "a/secret-0", MinimumProtocolVersion: pick(g.Random, "", "", "", "", "1.2", "1.3"), MaximumProtocolVersion: pick(g.Random, "", "", "", "", "", "1.3", "1.2"), EnableFallbackCertificate: g.oneIn(5)}
		if vh.TLS.MinimumProtocolVersion == "1.3" {
			vh.TLS.MaximumProtocolVersion = ""
		}
		switch {
		case g.oneIn(8):
			vh.TLS = &contourv1.TLS{Passthrough: true}
			return vh
		case g.among(3, themeCertificates):
			vh.TLS.EnableFallbackCertificate = false
			vh.TLS.ClientValidation = &contourv1.DownstreamValidation{
				CACertificate: "clients", SkipClientCertValidation: g.oneIn(5), OptionalClientCertificate: g.oneIn(2), OnlyVerifyLeafCertCrl: !g.oneIn(3),
				ForwardClientCertificate: pick(g.Random, nil, &contourv1.ClientCertificateDetails{DNS: true}, &contourv1.ClientCertificateDetails{Cert: true}, &contourv1.ClientCertificateDetails{Subject: true, URI: true}, &contourv1.ClientCertificateDetails{Chain: true}),
			}
			if g.oneIn(2) {
				vh.TLS.ClientValidation.CertificateRevocationList = "revoked"
			}
		}
	}
	if g.among(6, themeAuthorization) {
		vh.Authorization = g.servedAuthorization()
	} else if g.oneIn(20) {
		vh.Authorization = &contourv1.AuthorizationServer{AuthPolicy: g.authPolicy()} // of the global service, if there is one
	}
	vh.JWTProviders = g.servedProviders()
	vh.CORSPolicy = themed(g, themeCORS, g.cors)
	if g.among(3, themeAddresses) {
		vh.IPAllowFilterPolicy, vh.IPDenyFilterPolicy = g.ipFilters()
	}
	vh.RateLimitPolicy = g.servedLimit()
	return vh
}

func (g *Traffic) servedAuthorization() *contourv1.AuthorizationServer {
	a := &contourv1.AuthorizationServer{
		ExtensionServiceRef: contourv1.ExtensionServiceReference{Namespace: "a", Name: grpcAuthz}, AuthPolicy: g.authPolicy(), FailOpen: g.oneIn(3),
	}
	if g.oneIn(2) {
		a.ServiceType, a.ExtensionServiceRef.Name = "http", httpAuthz
		a.HTTPSettings = &contourv1.HTTPAuthorizationServerSettings{
			AllowedAuthorizationHeaders: pick(g.Random, nil, []contourv1.HTTPAuthorizationServerAllowedHeaders{{Exact: "x-token"}}, []contourv1.HTTPAuthorizationServerAllowedHeaders{{Prefix: "x-"}}),
			AllowedUpstreamHeaders:      pick(g.Random, nil, []contourv1.HTTPAuthorizationServerAllowedHeaders{{Exact: "x-user"}}, []contourv1.HTTPAuthorizationServerAllowedHeaders{{Suffix: "user"}}),
		}
		if a.AuthPolicy != nil {
			a.AuthPolicy.Context = nil
		}
		a.HTTPSettings.PathPrefix = pick(g.Random, "", "", "/", "/check")
	}
	if g.oneIn(3) {
		a.WithRequestBody = &contourv1.AuthorizationServerBufferSettings{MaxRequestBytes: 1024, AllowPartialMessage: g.oneIn(2), PackAsBytes: g.oneIn(2)}
	}
	return a
}

func (g *Traffic) servedProviders() []contourv1.JWTProvider {
	if !g.among(6, themeTokens) {
		return nil
	}
	var out []contourv1.JWTProvider
	for _, name := range pick(g.Random, texts{"p"}, texts{"p", "q"}) {
		out = append(out, contourv1.JWTProvider{
			Name: name, Default: name == "p" && g.oneIn(3), ForwardJWT: g.oneIn(2), LocalJWKS: &contourv1.LocalJWKS{SecretName: "keys", Key: "keys"},
			Issuer: pick(g.Random, "", "https://issuer.example.org"), Audiences: pick(g.Random, nil, texts{"a"}, texts{"a", "b"}),
		})
	}
	return out
}

// servedLimit returns a limit that no client reaches, except for a global one.
func (g *Traffic) servedLimit() *contourv1.RateLimitPolicy {
	p := g.rateLimit()
	if p == nil && g.among(3, themeLimits) {
		p = &contourv1.RateLimitPolicy{Global: g.globalLimit()}
	}
	if p != nil && p.Local != nil {
		p.Local.Requests, p.Local.Unit = 1<<20, "second"
	}
	return p
}

// pathPrefixes are conditions on paths: few, so that they are prefixes of each other.
func pathPrefixes() []string { return []string{"/", "/a", "/a/", "/a/b", "/ab", "/A", "/x-1.y"} }

func (g *Traffic) servedRoute() contourv1.Route {
	r := contourv1.Route{PermitInsecure: !g.oneIn(4), EnableWebsockets: !g.oneIn(3)}
	switch g.rand.IntN(8) {
	case 0:
		r.Conditions = append(r.Conditions, contourv1.MatchCondition{Exact: pick(g.Random, "/", "/a", "/a/b", "/ab", "/a/b/c")})
	case 1:
		r.Conditions = append(r.Conditions, contourv1.MatchCondition{Regex: pick(g.Random, "/a.*", "/(a|ab)", "/[a-z]+/b", "/a/b|/ab", "/x-[0-9]\\.y", "(?i)/A/B", "/a(/.*)?")})
	case 2:
	default:
		r.Conditions = append(r.Conditions, contourv1.MatchCondition{Prefix: pick(g.Random, pathPrefixes()...)})
	}
	g.repeat(2, func() {
		if g.among(2, themeConditions) {
			r.Conditions = append(r.Conditions, g.servedCondition())
		}
	})
	switch action := g.rand.IntN(8); {
	case action == 0, g.theme == themeRedirects && action < 4:
		r.RequestRedirectPolicy = g.servedRedirect()
	case action == 1, g.theme == themeRedirects && action < 6:
		r.DirectResponsePolicy = &contourv1.HTTPDirectResponsePolicy{StatusCode: pick(g.Random, 200, 200, 200, 204, 404, 418, 503), Body: pick(g.Random, "", "hello", "a longer text\n", "a text of a size that is compressed\n", "another text of such a size, about\n")}
	default:
		r.Services = g.servedServices()
	}
	g.servedPolicies(&r)
	return r
}

func (g *Traffic) servedRedirect() *contourv1.HTTPRequestRedirectPolicy {
	r := g.redirect()
	if r.Path != nil && r.Prefix != nil {
		r.Prefix = nil
	}
	return r
}

func (g *Traffic) servedPolicies(r *contourv1.Route) {
	if g.oneIn(4) {
		r.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: pick(g.Random, "", "20s", "infinity"), Idle: pick(g.Random, "", "20s", "infinity"), IdleConnection: pick(g.Random, "", "20s")}
	}
	if g.oneIn(5) {
		r.RetryPolicy = &contourv1.RetryPolicy{NumRetries: pick(g.Random, int64(0), 1, -1, 5), PerTryTimeout: pick(g.Random, "", "10s"), RetryOn: pick(g.Random, nil, []contourv1.RetryOn{"5xx", "reset"}, []contourv1.RetryOn{"connect-failure"}), RetriableStatusCodes: pick(g.Random, nil, []uint32{418})}
	}
	if g.among(4, themeRewrites) {
		r.PathRewritePolicy = &contourv1.PathRewritePolicy{ReplacePrefix: []contourv1.ReplacePrefix{
			{Prefix: pick(g.Random, "", "", "/a", "/a/b", "/"), Replacement: pick(g.Random, "/new", "/", "/new/", "/n%41")},
		}}
		if g.oneIn(3) {
			r.PathRewritePolicy.ReplacePrefix = []contourv1.ReplacePrefix{{Prefix: "/a", Replacement: "/one"}, {Prefix: "/a/b", Replacement: "/two"}, {Prefix: "/", Replacement: "/three"}}
		}
	}
	r.RequestHeadersPolicy, r.ResponseHeadersPolicy = g.servedHeaders(true), g.servedHeaders(false)
	if g.among(3, themeAddresses) {
		r.IPAllowFilterPolicy, r.IPDenyFilterPolicy = g.ipFilters()
	}
	r.RateLimitPolicy = g.servedLimit()
	if g.among(8, themeTokens) {
		r.JWTVerificationPolicy = pick(g.Random, &contourv1.JWTVerificationPolicy{Require: "p"}, &contourv1.JWTVerificationPolicy{Disabled: true})
	}
	r.LoadBalancerPolicy, r.AuthPolicy, r.CookieRewritePolicies = g.loadBalancer(), themed(g, themeAuthorization, g.authPolicy), g.servedCookies()
	if g.oneIn(12) {
		r.HealthCheckPolicy = &contourv1.HTTPHealthCheckPolicy{Path: "/health", IntervalSeconds: 60, TimeoutSeconds: 20, ExpectedStatuses: []contourv1.HTTPStatusRange{{Start: 200, End: 300}}}
	}
	if g.oneIn(8) {
		r.InternalRedirectPolicy = g.internalRedirects()
	}
}

func (g *Traffic) servedServices() (out []contourv1.Service) {
	for range mostly(g.Random, []int{1, 1, 1, 2, 3}) {
		s := contourv1.Service{Name: g.name("service"), Port: pick(g.Random, 80, 80, 80, 81), Weight: pick(g.Random, int64(0), 1, 10, 90)}
		if g.oneIn(4) {
			s.Protocol = new(pick(g.Random, "h2", "h2c", "tls"))
		}
		if g.oneIn(6) {
			s.Protocol = new(pick(g.Random, "h2", "tls"))
			s.UpstreamValidation = &contourv1.UpstreamValidation{CACertificate: "authority", SubjectName: pick(g.Random, g.material.BackendName, g.material.BackendName, "another.example.com")}
			if g.oneIn(4) {
				s.UpstreamValidation.SubjectNames = []string{s.UpstreamValidation.SubjectName, pick(g.Random, g.material.BackendName, "third.example.com")}
			}
		}
		if g.among(6, themeHeaders) {
			s.RequestHeadersPolicy, s.ResponseHeadersPolicy = g.servedHeaders(true), g.servedHeaders(false)
		}
		s.Mirror, s.CookieRewritePolicies = len(out) > 0 && g.oneIn(8), g.servedCookies()
		if g.oneIn(10) {
			s.SlowStartPolicy = &contourv1.SlowStartPolicy{Window: "1s", Aggression: pick(g.Random, "", "2"), MinimumWeightPercent: 10}
		}
		if g.oneIn(12) {
			s.HealthPort = pick(g.Random, 80, 81)
		}
		out = append(out, s)
	}
	return out
}

// servedCookies rarely returns rewrites of cookies.
func (g *Traffic) servedCookies() []contourv1.CookieRewritePolicy {
	out := g.cookieRewrites()
	for i := 0; len(out) == 0 && g.theme == themeCookies && i < 6; i++ {
		out = g.cookieRewrites()
	}
	return out
}

// headerNames are the names of conditions, and of headers that are changed.
func headerNames() []string { return []string{"X-A", "X-B", "x-c"} }

// conditionValues are the values of headers and query parameters, those of conditions first.
func conditionValues() []string {
	return []string{"x", "y", "xy", "X", "a.b", "x,y", "xx", "0", "over", "é", "x y", `"x"`, "a=b"}
}

func conditionExpressions() []string {
	return []string{"x.*", "[xy]+", "x|y", "", "a.b", "(?i)x", "^x$", `\d`}
}

func (g *Traffic) servedCondition() contourv1.MatchCondition {
	value := pick(g.Random, conditionValues()[:7]...)
	if g.oneIn(3) || g.theme == themeConditions && g.oneIn(3) {
		q := &contourv1.QueryParameterMatchCondition{Name: pick(g.Random, "q", "r", "Q")}
		if g.oneIn(6) {
			q.Present = true
			return contourv1.MatchCondition{QueryParameter: q}
		}
		*pick(g.Random, &q.Exact, &q.Prefix, &q.Suffix, &q.Contains) = value
		q.IgnoreCase = g.oneIn(3)
		if g.oneIn(6) {
			*q = contourv1.QueryParameterMatchCondition{Name: q.Name, Regex: pick(g.Random, conditionExpressions()...)}
		}
		return contourv1.MatchCondition{QueryParameter: q}
	}
	h := &contourv1.HeaderMatchCondition{Name: pick(g.Random, headerNames()...)}
	if g.oneIn(12) {
		return contourv1.MatchCondition{Header: &contourv1.HeaderMatchCondition{Name: ":method", Exact: pick(g.Random, requestMethods()...)}}
	}
	switch g.rand.IntN(8) {
	case 0:
		h.Present = true
	case 1:
		h.NotPresent = true
	case 2:
		h.Regex = pick(g.Random, conditionExpressions()...)
	default:
		*pick(g.Random, &h.Exact, &h.NotExact, &h.Contains, &h.NotContains) = value
		h.IgnoreCase, h.TreatMissingAsEmpty = g.oneIn(3), g.oneIn(3)
	}
	return contourv1.MatchCondition{Header: h}
}

func (g *Traffic) servedHeaders(request bool) *contourv1.HeadersPolicy {
	if !g.among(5, themeHeaders) {
		return nil
	}
	names := []string{"X-A", "X-Set", "X-Other", "x-more", "User-Agent"}
	if request {
		names = append(names, "Host")
	}
	g.rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	h := &contourv1.HeadersPolicy{}
	for _, name := range names[:g.rand.IntN(3)] {
		value := pick(g.Random, "v", "100%", "%REQ(X-A)%", "a %REQ(x-b)% b", "%CONTOUR_NAMESPACE%", "%PROTOCOL%", "%REQ(X-A?X-B)%", "%HOSTNAME%", "%REQ(:path)%")
		if name == "Host" {
			value = pick(g.Random, "other.example.com", "%REQ(X-A)%")
		}
		h.Set = append(h.Set, contourv1.HeaderValue{Name: name, Value: value})
	}
	gone := []string{"X-A", "X-B", "X-Gone", "Accept", "Server"}
	h.Remove = slices.DeleteFunc(gone[g.rand.IntN(3):g.rand.IntN(3)+3], func(n string) bool {
		return slices.ContainsFunc(h.Set, func(s contourv1.HeaderValue) bool { return s.Name == n })
	})
	return h
}
