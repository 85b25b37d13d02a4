package ingress

import "contour.example/conformance/suite"

func hosts() []suite.Test {
	return []suite.Test{
		{
			Name:     "ingress/hosts",
			Sentence: "Each host has the paths of its rules only; case and port of the host make no difference; an unknown host is not found.",
			Features: core(host),
			Backends: backends("one", "two"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/one", suite.From("one"), suite.SentHost(t.Expand("a.${DOMAIN}")))
				t.Get("http://A.${DOMAIN}/one", suite.From("one"))
				t.Get("http://a.${DOMAIN}:8080/one", suite.From("one"))
				t.Get("http://b.${DOMAIN}/two", suite.From("two"))
				t.Get("http://a.${DOMAIN}/two", suite.Error)
				t.Get("http://b.${DOMAIN}/one", suite.Error)
				t.Get("http://c.${DOMAIN}/one", suite.Error)
			},
		},
		{
			Name:     "ingress/wildcard-host",
			Sentence: "A wildcard host matches exactly one label, and a full host has precedence over it.",
			Features: core(host),
			Backends: backends("wild", "exact"),
			Run: func(t *suite.T) {
				t.Get("http://x.w.${DOMAIN}/", suite.From("wild"), suite.SentHost(t.Expand("x.w.${DOMAIN}")))
				t.Get("http://exact.w.${DOMAIN}/", suite.From("exact"))
				t.Get("http://x.y.w.${DOMAIN}/", suite.Error)
				t.Get("http://w.${DOMAIN}/", suite.Error)
			},
		},
		{
			Name:     "ingress/host-of-several",
			Sentence: "The paths that several Ingresses have for one host are all served.",
			Features: core(host),
			Backends: backends("one", "two"),
			Run: func(t *suite.T) {
				expect(t, route{"/one", "one"}, route{"/two", "two"}, route{"/three", ""})
				t.Delete(apiVersion, "Ingress", "one")
				expect(t, route{"/one", ""}, route{"/two", "two"})
			},
		},
		{
			Name:        "ingress/host-conflict",
			Sentence:    "Of two Ingresses with the same host and path, the older is served; the newer is served once the older is deleted.",
			Features:    core(host),
			Improvement: "Neither Kubernetes nor Contour specifies which one is served.",
			Backends:    backends("one", "two"),
			Run: func(t *suite.T) {
				expect(t, route{"/marker", "two"}, route{"/same", "one"})
				t.Delete(apiVersion, "Ingress", "a-first")
				expect(t, route{"/same", "two"})
			},
		},
	}
}
