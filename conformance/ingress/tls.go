package ingress

import (
	"strings"

	"contour.example/conformance/suite"
	"contour.example/harness/traffic"
)

func certificates() []suite.Test {
	return []suite.Test{
		{
			Name:     "ingress/tls",
			Sentence: "A host with a Secret is served over HTTPS with its certificate, in HTTP/1.1 and HTTP/2, and over HTTP is served or redirected to HTTPS.",
			Features: core(encryption),
			Backends: backends("one", "two"),
			Certificates: []suite.Certificate{
				{Name: "a", Hosts: []string{"a.${DOMAIN}"}}, {Name: "b", Hosts: []string{"b.${DOMAIN}"}},
			},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("one"), suite.Sent("X-Forwarded-Proto", "https"))
				t.Send(suite.Request{URL: "https://a.${DOMAIN}/", HTTP2: true}, suite.From("one"))
				t.Get("https://b.${DOMAIN}/", suite.From("two"))
				t.Get("http://a.${DOMAIN}/", servedOrRedirected(t.Expand("https://a.${DOMAIN}"), "one"))
			},
		},
		{
			Name:         "ingress/tls-and-http",
			Sentence:     "A host with a Secret is also served over HTTP, unless an annotation says otherwise.",
			Features:     extended(httpToo),
			Backends:     backends("one"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("one"))
				t.Get("http://a.${DOMAIN}/", suite.From("one"))
			},
		},
		{
			Name:         "ingress/tls-wildcard-host",
			Sentence:     "A wildcard host with a Secret is served over HTTPS.",
			Features:     core(encryption),
			Backends:     backends("one"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"*.w.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://x.w.${DOMAIN}/", suite.From("one"))
				t.Get("https://y.w.${DOMAIN}/", suite.From("one"))
			},
		},
		{
			Name:     "ingress/tls-late-secret",
			Sentence: "A host without its Secret is served over HTTPS once the Secret exists, and does not affect other hosts of its Ingress.",
			Features: core(encryption),
			Backends: backends("one"),
			Certificates: []suite.Certificate{
				{Name: "b", Hosts: []string{"b.${DOMAIN}"}},
			},
			Run: func(t *suite.T) {
				t.Get("https://b.${DOMAIN}/", suite.From("one"))
				t.Issue(suite.Certificate{Name: "a", Hosts: []string{"a.${DOMAIN}"}})
				t.Get("https://a.${DOMAIN}/", suite.From("one"))
			},
		},
		{
			Name:         "ingress/force-ssl-redirect",
			Sentence:     "The annotation force-ssl-redirect redirects HTTP to HTTPS.",
			Features:     extended(sslRedirect),
			Backends:     backends("one"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("one"))
				t.Get("http://a.${DOMAIN}/x?y=1", t.Redirect(301, "https://a.${DOMAIN}/x?y=1"))
			},
		},
		{
			Name:         "ingress/allow-http",
			Sentence:     "The annotation allow-http with the value false serves a host over HTTPS only.",
			Features:     extended(allowHTTP),
			Backends:     backends("one"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("one"))
				t.Get("http://a.${DOMAIN}/", suite.Error)
			},
		},
	}
}

// servedOrRedirected requires an answer of the backend or a redirect to the host over HTTPS: the API leaves it open.
func servedOrRedirected(host, backend string) suite.Check {
	return func(a traffic.Answer) string {
		if a.Status/100 == 3 && strings.HasPrefix(a.Headers.Get("Location"), host) {
			return ""
		}
		return suite.From(backend)(a)
	}
}
