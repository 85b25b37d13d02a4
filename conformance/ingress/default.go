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
				t.Get("http://unknown.${DOMAIN}/any/path?x=1", suite.From("fallback"), suite.SentPath("/any/path?x=1"))
				for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
					r := suite.Request{Method: method, URL: "http://unknown.${DOMAIN}/"}
					t.Send(r, suite.From("fallback"), suite.SentMethod(method), suite.SentProtocol("HTTP/1.1", false))
				}
				t.Get("http://192.0.2.99/resource", suite.From("fallback"), suite.SentPath("/resource"))
				t.Get("http://a.${DOMAIN}/shop", suite.From("shop"))
				t.Delete(apiVersion, "Ingress", "fallback")
				t.Get("http://unknown.${DOMAIN}/", suite.Error)
			},
		},
		{
			Name:     "ingress/default-backend-beside-rules",
			Sentence: "The default backend of an Ingress with rules answers for hosts that have none.",
			Features: core(defaultBackend),
			Alone:    true,
			Backends: backends("fallback", "shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/shop", suite.From("shop"))
				t.Get("http://unknown.${DOMAIN}/shop", suite.From("fallback"))
			},
		},
		{
			Name:     "ingress/rule-without-host",
			Sentence: "A rule without a host applies to every host that has no rules of its own.",
			Features: core(defaultBackend),
			Alone:    true,
			Backends: backends("any", "shop"),
			Run: func(t *suite.T) {
				t.Get("http://unknown.${DOMAIN}/any", suite.From("any"))
				t.Get("http://unknown.${DOMAIN}/else", suite.Error)
				t.Get("http://a.${DOMAIN}/shop", suite.From("shop"))
			},
		},
	}
}
