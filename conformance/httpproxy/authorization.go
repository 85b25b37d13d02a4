package httpproxy

import (
	"net/http"
	"net/url"

	"contour.example/conformance/suite"
	"contour.example/harness/backend"
	"contour.example/harness/traffic"
)

func authorizations() []suite.Test {
	return []suite.Test{{
		Name:         "httpproxy/authorization",
		Sentence:     "A service that speaks HTTP answers, by its status, whether a request may pass; routes opt out; nothing passes without it.",
		Features:     extended(externalAuthorization),
		Backends:     backends("shop", "authorizer"),
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"b.${DOMAIN}", "c.${DOMAIN}"}}},
		Run:          authorizes,
	}, {
		Name:         "httpproxy/authorization-grpc",
		Sentence:     "A gRPC service of another namespace is asked with the context of host and route and with the body, and not where the policy disables it.",
		Features:     extended(externalAuthorization),
		Namespaces:   []string{"team"},
		Backends:     append(backends("shop"), suite.Backend{Name: "authorizer", Namespace: "team"}),
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"b.${DOMAIN}", "c.${DOMAIN}"}}},
		Run:          authorizesByRPC,
	}, {
		Name:         "httpproxy/authorization-headers",
		Sentence:     "A service that speaks HTTP receives the path with a prefix, and headers by their names; so does the backend receive headers of its answer.",
		Features:     extended(externalAuthorization),
		Backends:     backends("shop", "authorizer"),
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"b.${DOMAIN}"}}},
		Run:          authorizesByHeaders,
	}, {
		Name:         "httpproxy/authorization-away",
		Sentence:     "While an authorization service has no endpoints, a host that fails open is served, and no other, except where it is disabled.",
		Features:     extended(externalAuthorization),
		Backends:     backends("shop"),
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"b.${DOMAIN}", "c.${DOMAIN}"}}},
		Run: func(t *suite.T) {
			t.Get("https://c.${DOMAIN}/public", suite.From("shop"))
			t.Get("https://c.${DOMAIN}/", suite.Error)
			t.Get("https://b.${DOMAIN}/", suite.From("shop"))
		},
	}, {
		Name:         "httpproxy/authorization-tls",
		Sentence:     "An authorization service of protocol h2 is asked over TLS, if its certificate satisfies the validation.",
		Features:     extended(externalAuthorization),
		Backends:     []suite.Backend{{Name: "shop"}, {Name: "authorizer", Port: 443, TLS: "authorizer.${DOMAIN}"}},
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}", "b.${DOMAIN}", "c.${DOMAIN}", "d.${DOMAIN}"}}},
		Run: func(t *suite.T) {
			for _, name := range []string{"a", "b", "c"} {
				t.Get("https://"+name+".${DOMAIN}/", suite.From("shop"), suite.Sent(backend.ContextHeader, "host="+name))
				valid(t, name)
			}
			t.Get("https://d.${DOMAIN}/", suite.Error)
		},
	}}
}

func authorizesByRPC(t *suite.T) {
	sent := func(header, want string) suite.Check { return suite.Sent(header, url.QueryEscape(want)) }
	post := func(url, body string, checks ...suite.Check) {
		t.Send(suite.Request{Method: http.MethodPost, URL: url, Body: body}, checks...)
	}
	denied := map[string]string{backend.StatusHeader: "402"}
	t.Get("https://b.${DOMAIN}/", suite.From("shop"), suite.Sent(backend.ContextHeader, "kind=a+b,tenant=host"))
	t.Get("https://b.${DOMAIN}/route", suite.From("shop"), suite.Sent(backend.ContextHeader, "kind=a+b,tenant=route"))
	t.Send(suite.Request{URL: "https://b.${DOMAIN}/", Headers: denied}, suite.Status(http.StatusPaymentRequired), suite.Body("denied"))
	post("https://b.${DOMAIN}/", "0123", suite.From("shop"), sent(backend.CheckedBodyHeader, "0123"), sent(backend.CheckedBytesHeader, ""))
	post("https://b.${DOMAIN}/", "0123456789", suite.From("shop"), sent(backend.CheckedBodyHeader, "01234567"), sent(backend.CheckedBytesHeader, ""))
	post("https://c.${DOMAIN}/asked", "0123", suite.From("shop"), sent(backend.CheckedBodyHeader, ""), sent(backend.CheckedBytesHeader, "0123"))
	post("https://c.${DOMAIN}/asked", "01234567890123456789", suite.Status(http.StatusRequestEntityTooLarge))
	t.Send(suite.Request{URL: "https://c.${DOMAIN}/asked", Headers: denied}, suite.Status(http.StatusPaymentRequired), suite.Body("denied"))
	t.Send(suite.Request{URL: "https://c.${DOMAIN}/", Headers: denied}, suite.Status(http.StatusPaymentRequired), by("shop"), suite.Sent(backend.ContextHeader, ""))
	valid(t, "b")
	valid(t, "c")
}

// authorizesByHeaders uses a backend as authorizes does; that also answers with one header that the request names.
func authorizesByHeaders(t *suite.T) {
	const url = "https://b.${DOMAIN}/some"
	t.Send(suite.Request{URL: url, Headers: map[string]string{
		backend.StatusHeader: "403", "X-First-A": "1", "A-Last": "2", "A-Middle-B": "3", "X-Any-A": "4", "X-Other": "5",
	}},
		suite.Status(http.StatusForbidden), by("authorizer"), suite.SentPath("/check/some"),
		suite.Sent("X-First-A", "1"), suite.Sent("A-Last", "2"), suite.Sent("A-Middle-B", "3"), suite.Sent("X-Any-A", "4"), suite.Sent("X-Other", ""))
	for header, want := range map[string]string{
		"X-Exact": "1", "X-Before-A": "1", "A-After": "1", "A-Between-B": "1", "X-Case": "1", "X-Other": "", "X-Exact-A": "",
	} {
		t.Send(suite.Request{URL: url, Headers: map[string]string{backend.SetHeader: header + ": 1"}},
			suite.From("shop"), suite.SentPath("/some"), suite.Sent(header, want))
	}
	valid(t, "b")
}

// authorizes uses a backend as authorization service: it answers with the status that the request names, which Envoy gives
// to the client unless it is 200. The backend of the route would name itself.
func authorizes(t *suite.T) {
	get := func(url, status string, checks ...suite.Check) {
		r := suite.Request{URL: url, Headers: map[string]string{}}
		if status != "" {
			r.Headers["X-Echo-Status"] = status
		}
		t.Send(r, checks...)
	}
	get("https://b.${DOMAIN}/", "", suite.From("shop"))
	get("https://b.${DOMAIN}/", "403", suite.Status(http.StatusForbidden), by("authorizer"))
	get("https://b.${DOMAIN}/", "401", suite.Status(http.StatusUnauthorized), by("authorizer"))
	get("https://b.${DOMAIN}/public", "403", suite.Status(http.StatusForbidden), by("shop"))
	get("https://b.${DOMAIN}/child", "403", suite.Status(http.StatusForbidden), by("authorizer"))
	get("https://b.${DOMAIN}/child", "", suite.From("shop"))
	get("http://b.${DOMAIN}/insecure", "", suite.From("shop"))
	get("http://b.${DOMAIN}/insecure", "403", suite.Status(http.StatusForbidden), by("authorizer"))
	get("https://c.${DOMAIN}/", "", suite.Error)
	valid(t, "b")
}

// by requires an answer that the backend has written, with any status.
func by(backend string) suite.Check {
	return func(a traffic.Answer) string {
		if a.Backend() != backend {
			return a.String() + ", want an answer of " + backend
		}
		return ""
	}
}
