package stagetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"contour.example/contour/internal/semantic"
)

func requestMethods() []string {
	return []string{"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PROPFIND", "get"}
}

// Request returns a request that is near to what the last configuration names.
func (g *Traffic) Request() semantic.Request {
	r := semantic.Request{Path: g.requestPath(), Method: pick(g.Random, "GET", "GET", "GET", pick(g.Random, requestMethods()...)), HTTP2: g.oneIn(2)}
	at := pick(g.Random, g.hosts...)
	if g.oneIn(12) {
		at = pick(g.Random, target{to: gatewayHTTP}, target{to: gatewayHTTPS, secure: true}, target{to: gatewayTLS, secure: true}, target{to: gatewaySet}, target{}, target{secure: true})
		at.host = pick(g.Random, g.hosts...).host
	}
	r.Host, r.TLS = g.requestHost(at.host), at.secure
	if at.to != 0 {
		r.To = fmt.Sprint(g.material.GatewayAddr, ":", at.to)
	}
	if r.TLS {
		g.overTLS(&r)
	}
	r.Headers = g.requestHeaders()
	if g.oneIn(8) {
		g.asGRPC(&r)
	}
	if g.among(15, themeCORS) && g.oneIn(2) || g.oneIn(20) {
		r.Method, r.Headers["access-control-request-method"] = "OPTIONS", "GET"
		r.Headers["origin"] = pick(g.Random, "https://example.org", "https://a.example", "https://x.b.example", "null")
	}
	if g.oneIn(40) { // of a sum that is beyond every limit, or beyond those of some settings
		for i := range pick(g.Random, 70, 150) {
			r.Headers[fmt.Sprint("x-m-", i)] = "v"
		}
	}
	if g.oneIn(60) {
		r.Headers["x-large"] = strings.Repeat("v", 4000)
	}
	if g.oneIn(6) {
		r.HTTP2 = false
		r.Upgrade, r.Method = pick(g.Random, "websocket", "websocket", "WebSocket", "h3"), "GET"
	}
	return r
}

// requestHost returns the Host of a request: mostly the host, or one below the wildcard.
func (g *Traffic) requestHost(host string) string {
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		host = pick(g.Random, "x.", "x.", "y.", "x.y.", "one.", "b.") + rest
	}
	kind := g.rand.IntN(20)
	if g.theme == themeRedirects && g.oneIn(3) {
		kind = 0
	}
	switch kind {
	case 0:
		return host + pick(g.Random, ":80", ":443", ":8080", ":1")
	case 1:
		return pick(g.Random, strings.ToUpper(host), strings.ToUpper(host[:1])+host[1:])
	case 2:
		return pick(g.Random, "unknown.net", "x"+host, "example.com", "127.0.0.1", "localhost:8080", host+".", "[::1]", "[::1]:8080")
	}
	return host
}

func (g *Traffic) overTLS(r *semantic.Request) {
	switch g.rand.IntN(8) {
	case 0:
		r.SNI = strings.ToLower(strings.Split(g.requestHost(pick(g.Random, g.hosts...).host), ":")[0])
		if r.SNI == "" || strings.HasPrefix(r.SNI, "[") || strings.HasSuffix(r.SNI, ".") {
			r.SNI = "-"
		}
	case 1:
		r.SNI = pick(g.Random, "-", "")
	}
	r.Version = pick(g.Random, "", "", "", "", "", "", "1.2", "1.3")
	if g.oneIn(2) {
		r.ClientCertificate = pick(g.Random, append(slices.Sorted(maps.Keys(g.material.ClientChains)), "good", "good", "good", "good", "good", "good", "good")...)
		r.ClientChain = g.material.ClientChains[r.ClientCertificate]
	}
}

func (g *Traffic) requestPath() string {
	path := pick(g.Random, append(pathPrefixes(), g.methods...)...)
	for g.oneIn(2) {
		path += pick(g.Random, "/", "b", "/b", "/a", "c", "/c", "x", "//", "/./", "/../", "/..", "%41", "%2F", "%2f", "%5c", `\`, "%20", "%7e", ";v=1", ".", "@", "+", "%c3%a9")
	}
	if g.oneIn(30) {
		path = pick(g.Random, "//", "/#f", "/%00", "/..;/a", "/.", "/%2e%2e/a", "/a#b?q=x", "/x-1.y", "/health")
	}
	if g.oneIn(30) || g.theme == themeTokens && g.oneIn(6) {
		return path + pick(g.Random, "?", "?", "?b=2&a=1&b=&c&") + "access_token=" + pick(g.Random, append(g.material.Tokens, "", "x")...)
	}
	if g.oneIn(2) {
		return path
	}
	var pairs []string
	for range 1 + g.rand.IntN(3) {
		pairs = append(pairs, pick(g.Random, "q", "r", "Q", "z", "")+pick(g.Random, "=", "=", "=", "")+pick(g.Random, "x", "y", "xy", "X", "a.b", "%78", "x+y", "", "0", "=", "a%2Fb", "xx", "//"))
	}
	return path + "?" + strings.Join(pairs, pick(g.Random, "&", "&", "&&", ";"))
}

func (g *Traffic) requestHeaders() map[string]string {
	h := map[string]string{}
	for _, name := range append(headerNames(), "x-gone") {
		if g.oneIn(2) {
			h[name] = pick(g.Random, append(conditionValues(), "", "over", "over")...)
		}
	}
	optional := func(n int, name string, values ...string) {
		if g.oneIn(n) {
			h[name] = pick(g.Random, values...)
		}
	}
	optional(2, semantic.TokenHeader, "yes", "no")
	optional(g.unless(themeTokens, 3), "authorization", append(g.material.tokens(), "Basic eDp5", "Bearer", "Bearer x.y.z")...)
	optional(2, "origin", "https://example.org", "https://a.example", "https://x.b.example", "https://HOST.example.org", "null", "http://example.org:8080", "https://sub.example.org", "HTTPS://EXAMPLE.ORG")
	optional(g.unless(themeCORS, 4), "access-control-request-method", "GET", "PUT")
	optional(4, "access-control-request-private-network", "true")
	optional(4, "access-control-request-headers", "X-A", "x-b, x-c")
	optional(2, semantic.SetCookieHeader, "a=1", "b=2; Path=/; Secure", "A=3; domain=x", "a=1; SameSite=None; HttpOnly")
	optional(g.unless(themeAddresses, 6), "x-forwarded-for", "10.1.2.3", "10.0.0.1, 192.0.2.1", "192.0.2.1, 10.1.2.3")
	optional(g.unless(themeRedirects, 8), "x-forwarded-proto", "https", "http", "HTTPS", "ftp")
	optional(16, "x_under", "v")
	optional(12, "user-agent", "curl/8")
	optional(3, "accept-encoding", "gzip", "br", "gzip, br", "*", "gzip;q=0, *", "identity, gzip", "identity;q=0.5, gzip")
	optional(16, "x-forwarded-client-cert", "Hash=forged")
	optional(20, "x-envoy-original-path", "/forged")
	optional(20, "te", "trailers")
	optional(20, "x-envoy-internal", "true")
	optional(20, "x-user", "forged")
	optional(20, "cookie", "a=b", "a=b; c=d")
	g.continueSession(h)
	return h
}

// unless returns n, or 1 if the configuration has the theme.
func (g *Traffic) unless(theme string, n int) int {
	if g.theme == theme {
		return 1
	}
	return n
}

func (m *Material) tokens() (out []string) {
	for _, t := range m.Tokens {
		out = append(out, "Bearer "+t)
	}
	return out
}

func (g *Traffic) asGRPC(r *semantic.Request) {
	r.Method, r.Path = "POST", pick(g.Random, append(slices.Clone(g.methods), r.Path)...)
	r.Headers["content-type"] = pick(g.Random, "application/grpc", "application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text", "application/grpc-web; charset=utf-8", "application/grpcx", "application/json")
	r.Headers["te"] = "trailers"
}
