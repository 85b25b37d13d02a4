package httpproxy

import (
	"net/http"

	"contour.example/conformance/suite"
)

// Ranges of addresses in manifests: all clients, and none, since 192.0.2.0/24 is for documentation (RFC 5737).

func guards() []suite.Test {
	certificate := []suite.Certificate{{Name: "cert", Hosts: []string{"b.${DOMAIN}"}}}
	return []suite.Test{
		{
			Name:         "httpproxy/cors",
			Sentence:     "Preflights of permitted origins are answered for the backend, which scripts of other origins do not reach.",
			Features:     extended(cors),
			Backends:     backends("shop"),
			Certificates: certificate,
			Run: func(t *suite.T) {
				for _, host := range []string{"http://a.${DOMAIN}", "https://b.${DOMAIN}"} {
					crossOrigin(t, host)
				}
				for host, private := range map[string]string{"http://a.${DOMAIN}": "", "https://b.${DOMAIN}": "true"} {
					t.Send(suite.Request{Method: http.MethodOptions, URL: host + "/", Headers: map[string]string{
						"Origin": "https://one.example", "Access-Control-Request-Method": http.MethodPut, "Access-Control-Request-Private-Network": "true",
					}}, suite.Header("Access-Control-Allow-Origin", "https://one.example"), suite.Header("Access-Control-Allow-Private-Network", private))
				}
				valid(t, "a")
			},
		},
		{
			Name:         "httpproxy/ip-filter",
			Sentence:     "Clients are admitted and refused by their address; the list of a route replaces that of its host.",
			Features:     extended(ipFilter),
			Backends:     backends("shop"),
			Certificates: certificate,
			Run: func(t *suite.T) {
				for _, host := range []string{"http://a.${DOMAIN}", "https://b.${DOMAIN}"} {
					t.Get(host+"/", suite.Status(http.StatusForbidden))
					t.Get(host+"/open", suite.From("shop"))
					t.Get(host+"/nobody", suite.Status(http.StatusForbidden))
				}
				valid(t, "a")
			},
		},
		{
			Name:         "httpproxy/local-rate-limit",
			Sentence:     "Requests beyond a local rate limit get its status and headers; the limit of a route replaces that of its host.",
			Features:     extended(localRateLimit),
			Backends:     backends("shop"),
			Certificates: certificate,
			Run: func(t *suite.T) {
				for _, host := range []string{"http://a.${DOMAIN}", "https://b.${DOMAIN}"} {
					t.Once(suite.Request{URL: host + "/"}, suite.Status(http.StatusServiceUnavailable), suite.Header("X-Limit", "100%"))
					t.Get(host+"/open", suite.From("shop"))
					t.Once(suite.Request{URL: host + "/own"}, suite.Status(http.StatusInsufficientStorage), suite.Header("X-Limit", ""))
				}
				t.Once(suite.Request{URL: "http://c.${DOMAIN}/plain"}, suite.Status(http.StatusTooManyRequests))
				t.Get("http://c.${DOMAIN}/", suite.From("shop"))
				valid(t, "a")
			},
		},
	}
}

func crossOrigin(t *suite.T, host string) {
	request := func(origin string) suite.Request {
		return suite.Request{URL: host + "/", Headers: map[string]string{"Origin": origin}}
	}
	preflight := func(origin string) suite.Request {
		r := request(origin)
		r.Method, r.Headers["Access-Control-Request-Method"] = http.MethodOptions, http.MethodPut
		return r
	}
	for _, origin := range []string{"https://one.example", "https://sub.two.example"} {
		t.Send(request(origin), suite.From("shop"),
			suite.Header("Access-Control-Allow-Origin", origin), suite.Header("Access-Control-Allow-Credentials", "true"), suite.Header("Access-Control-Expose-Headers", "X-Reply"))
		t.Send(preflight(origin), suite.Status(http.StatusOK, http.StatusNoContent),
			suite.Header("Access-Control-Allow-Origin", origin), suite.Header("Access-Control-Allow-Methods", "GET,PUT"),
			suite.Header("Access-Control-Allow-Headers", "X-A"), suite.Header("Access-Control-Max-Age", "600"))
	}
	t.Send(request("https://three.example"), suite.From("shop"), suite.Header("Access-Control-Allow-Origin", ""))
	t.Send(preflight("https://three.example"), suite.Header("Access-Control-Allow-Origin", ""))
}

func guardReasons() []invalidSpec {
	return []invalidSpec{
		{
			name:      "reason-cors-origin",
			sentence:  "An origin that is no URL and no expression is an error.",
			errorType: "CORSError", reason: "PolicyDidNotParse", feature: cors,
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", corsPolicy: {allowOrigin: ["*.example"], allowMethods: [GET]}}, routes: [{SHOP}]`,
		},
		{
			name:      "reason-ip-filter-both",
			sentence:  "A host with both lists of addresses is an error.",
			errorType: "IPFilterError", reason: "IncompatibleIPAddressFilters", feature: ipFilter,
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", ipAllowPolicy: [{source: Peer, cidr: 192.0.2.0/24}], ipDenyPolicy: [{source: Peer, cidr: 192.0.2.0/24}]}, routes: [{SHOP}]`,
		},
		{
			name:      "reason-ip-filter-cidr",
			sentence:  "A route with a range of addresses that cannot be read is an error.",
			errorType: "IPFilterError", reason: "InvalidCIDR", feature: ipFilter,
			spec: `ROOT, routes: [{ipAllowPolicy: [{source: Remote, cidr: 192.0.2.0/33}], SHOP}]`,
		},
		{
			name:      "reason-rate-limit-route",
			sentence:  "A local rate limit of a route that adds a header without a proper name is an error.",
			errorType: "RouteError", reason: "RateLimitPolicyNotValid", feature: localRateLimit,
			spec: `ROOT, routes: [{rateLimitPolicy: {local: {requests: 1, unit: hour, responseHeadersToAdd: [{name: "a b", value: c}]}}, SHOP}]`,
		},
		{
			name:      "reason-rate-limit-host",
			sentence:  "A local rate limit of a host that adds a header twice is an error.",
			errorType: "VirtualHostError", reason: "RateLimitPolicyNotValid", feature: localRateLimit,
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", rateLimitPolicy: {local: {requests: 1, unit: hour, responseHeadersToAdd: [{name: X-A, value: b}, {name: x-a, value: c}]}}}, routes: [{SHOP}]`,
		},
	}
}
