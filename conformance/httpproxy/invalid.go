package httpproxy

import "contour.example/conformance/suite"

func invalidObjects() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/missing-service",
			Sentence: "A route to a missing Service answers 503 and is named in the status; the others serve, and so does the route once the Service exists.",
			Features: core(service),
			Backends: backends("shop"),
			Run:      missingService,
		},
		{
			Name:     "httpproxy/load-balancer-status",
			Sentence: "The status of an HTTPProxy has the addresses of the proxy.",
			Features: extended(address),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"))
				expect(t, "a", "an address", func(s proxyStatus, _ int64) bool { return len(s.LoadBalancer.Ingress) > 0 })
			},
		},
		{
			Name:     "httpproxy/duplicate-host",
			Sentence: "Of two roots with the same host, the newer is invalid.",
			Features: core(status),
			Backends: backends("one", "two"),
			Run: func(t *suite.T) {
				invalid(t, "b-second", "VirtualHostError", "DuplicateVhost")
				t.Delete(apiVersion, "HTTPProxy", "a-first")
				t.Get("http://a.${DOMAIN}/", suite.From("two"))
				valid(t, "b-second")
			},
		},
		{
			Name:        "httpproxy/duplicate-host-oldest-serves",
			Sentence:    "Of two roots with the same host, the older stays valid and is served.",
			Features:    core(status),
			Improvement: "Contour makes all roots of the host invalid, so that a second one disables the first.",
			Backends:    backends("one", "two"),
			Run: func(t *suite.T) {
				invalid(t, "b-second", "VirtualHostError", "DuplicateVhost")
				t.Get("http://a.${DOMAIN}/", suite.From("one"))
				valid(t, "a-first")
			},
		},
		{
			Name:        "httpproxy/broken-route-alone",
			Sentence:    "An invalid route keeps its match and answers with an error, and the other routes of the HTTPProxy serve.",
			Features:    core(status),
			Improvement: "Contour drops all routes of an HTTPProxy if one is not valid.",
			Backends:    backends("shop"),
			Run: func(t *suite.T) {
				invalid(t, "a", "RouteError", "RouteActionCountNotValid")
				t.Get("http://a.${DOMAIN}/", suite.From("shop"))
				t.Get("http://a.${DOMAIN}/broken", suite.Status(500, 502, 503))
			},
		},
	}
}

func missingService(t *suite.T) {
	t.Get("http://a.${DOMAIN}/", suite.From("shop"))
	t.Get("http://a.${DOMAIN}/missing", suite.Status(503))
	invalid(t, "a", "ServiceError", "ServiceUnresolvedReference")
	t.StartBackend(suite.Backend{Name: "no-such-service"})
	valid(t, "a")
	t.Get("http://a.${DOMAIN}/missing", suite.From("no-such-service"))
	t.Get("http://a.${DOMAIN}/", suite.From("shop"))
}
