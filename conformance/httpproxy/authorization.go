package httpproxy

import (
	"net/http"

	"contour.example/conformance/suite"
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
	}}
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
