package ingress

import "contour.example/conformance/suite"

func defaults() []suite.Test {
	return []suite.Test{
		{
			Name:     "ingress/default-backend",
			Sentence: "The default backend of an Ingress without rules answers for every host that has no rules, and for no other.",
			Features: core(defaultBackend),
			Alone:    true,
			Backends: backends("fallback", "shop"),
			Run: func(t *suite.T) {
				t.Get("http://unknown.${DOMAIN}/", suite.From("fallback"))
				t.Get("http://unknown.${DOMAIN}/any/path?x=1", suite.From("fallback"))
				t.Send(suite.Request{Method: "POST", URL: "http://other.${DOMAIN}/"}, suite.From("fallback"))
				t.Get("http://a.${DOMAIN}/shop", suite.From("shop"))
				t.Delete(apiVersion, "Ingress", "fallback")
				t.Get("http://unknown.${DOMAIN}/", suite.Status(404))
			},
		},
		{
			Name:     "ingress/rule-without-host",
			Sentence: "A rule without a host is for every host that has no rules of its own.",
			Features: core(defaultBackend),
			Alone:    true,
			Backends: backends("any", "shop"),
			Run: func(t *suite.T) {
				t.Get("http://unknown.${DOMAIN}/any", suite.From("any"))
				t.Get("http://unknown.${DOMAIN}/else", suite.Status(404))
				t.Get("http://a.${DOMAIN}/shop", suite.From("shop"))
			},
		},
	}
}
