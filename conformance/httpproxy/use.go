package httpproxy

import (
	"net/http"

	"contour.example/conformance/suite"
)

// uses are tests of how a route uses its services.
func uses() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/health-check",
			Sentence: "Endpoints that fail the health check of a route get none of its requests.",
			Features: extended(healthCheck),
			Backends: []suite.Backend{{Name: "shop", PortName: "web", DeadPort: 81}},
			Run: func(t *suite.T) {
				for _, path := range []string{"", "healthy", "host"} {
					t.Get("http://a.${DOMAIN}/"+path, suite.From("shop"))
				}
				for _, path := range []string{"unhealthy", "another-host", "port"} {
					t.Get("http://a.${DOMAIN}/"+path, suite.Status(503))
				}
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/load-balancing",
			Sentence: "Every strategy of a load-balancer policy, and slow start, are served.",
			Features: extended(loadBalancing),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				for _, path := range []string{"random", "least", "cookie", "hash", "slow"} {
					t.Get("http://a.${DOMAIN}/"+path, suite.From("shop"))
				}
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/slow-start-invalid",
			Sentence: "Slow start with a strategy that has none is an error.",
			Features: extended(loadBalancing),
			Backends: backends("shop"),
			Run:      func(t *suite.T) { invalid(t, "a", "ServiceError", "SlowStartInvalid") },
		},
		{
			Name:     "httpproxy/mirror",
			Sentence: "A service with mirror answers no requests.",
			Features: extended(mirror),
			Backends: backends("shop", "copy"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/mirrors-invalid",
			Sentence: "Two mirrors of a route are an error.",
			Features: extended(mirror),
			Backends: backends("shop", "copy"),
			Run:      func(t *suite.T) { invalid(t, "a", "ServiceError", "OnlyOneMirror") },
		},
	}
}

// cookies are tests of how cookies are rewritten.
func cookies() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/cookie-rewrite",
			Sentence: "Attributes of cookies are rewritten by route and by Service.",
			Features: extended(cookieRewrite),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"), suite.Header("Set-Cookie", "session=1; Path=/new"))
				t.Get("http://a.${DOMAIN}/service", suite.From("shop"), suite.Header("Set-Cookie", "session=1; Path=/service"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/cookie-attributes",
			Sentence: "Domain, Secure and SameSite of a cookie are rewritten by route and by Service; other cookies are unchanged.",
			Features: extended(cookieRewrite),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				for path, want := range map[string]http.Cookie{
					"/":        {Name: "session", Domain: "new.example", SameSite: http.SameSiteStrictMode},
					"/service": {Name: "session", Domain: "service.example", Secure: true, SameSite: http.SameSiteNoneMode},
					"/other":   {Name: "other", Domain: "old.example", SameSite: http.SameSiteLaxMode},
				} {
					t.Get("http://a.${DOMAIN}"+path, suite.From("shop"), suite.Cookie(want))
				}
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/cookie-rewrite-invalid",
			Sentence: "A rewrite of a cookie that changes nothing is an error.",
			Features: extended(cookieRewrite),
			Backends: backends("shop"),
			Run:      func(t *suite.T) { invalid(t, "a", "RouteError", "CookieRewritePoliciesInvalid") },
		},
	}
}
