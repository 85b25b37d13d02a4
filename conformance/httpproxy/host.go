package httpproxy

import "contour.example/conformance/suite"

func hosts() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/virtual-hosts",
			Sentence: "A root serves its host, in any case and with any port, and no other; an unknown host is not found.",
			Features: core(host),
			Backends: backends("one", "two"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("one"))
				t.Get("http://A.${DOMAIN}/", suite.From("one"))
				t.Get("http://a.${DOMAIN}:8080/", suite.From("one"))
				t.Get("http://b.${DOMAIN}/", suite.From("two"))
				t.Get("http://c.${DOMAIN}/", suite.Status(404))
				valid(t, "a")
				valid(t, "b")
			},
		},
		{
			Name:     "httpproxy/wildcard-host",
			Sentence: "A wildcard host serves hosts with exactly one label in its place, except those that a root names in full.",
			Features: core(host),
			Backends: backends("wild", "exact"),
			Run: func(t *suite.T) {
				t.Get("http://x.w.${DOMAIN}/", suite.From("wild"))
				t.Get("http://x.w.${DOMAIN}:8080/", suite.From("wild"))
				t.Get("http://exact.w.${DOMAIN}/", suite.From("exact"))
				t.Get("http://exact.w.${DOMAIN}/elsewhere", suite.Status(404))
				t.Get("http://x.y.w.${DOMAIN}/", suite.Status(404))
				t.Get("http://w.${DOMAIN}/", suite.Status(404))
			},
		},
		{
			Name:     "httpproxy/change-and-delete",
			Sentence: "A change of the host or of the backend is served, a deleted root is not found any more, and others stay.",
			Features: core(host),
			Backends: backends("one", "two"),
			Run:      changeAndDelete,
		},
		{
			Name:     "httpproxy/before-ingress",
			Sentence: "Where an HTTPProxy and an Ingress match the same requests, the HTTPProxy serves; the rest of the Ingress is served.",
			Features: extended(beforeIngress),
			Backends: backends("proxy", "ingress"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/only", suite.From("ingress"))
				t.Get("http://a.${DOMAIN}/", suite.From("proxy"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/class",
			Sentence: "An HTTPProxy of another class is neither served nor given a status.",
			Features: core(host),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				t.Get("http://ours.${DOMAIN}/", suite.From("one"))
				t.Get("http://field.${DOMAIN}/", suite.Status(404))
				t.Get("http://annotation.${DOMAIN}/", suite.Status(404))
				untouched(t, "field")
				untouched(t, "annotation")
			},
		},
	}
}

// untouched waits until the status of the HTTPProxy is the default of the API server, if any.
func untouched(t *suite.T, name string) {
	expect(t, name, "untouched", func(s proxyStatus, _ int64) bool {
		return len(s.Conditions) == 0 && (s.CurrentStatus == "" || s.CurrentStatus == "NotReconciled")
	})
}

func changeAndDelete(t *suite.T) {
	t.Get("http://a.${DOMAIN}/", suite.From("one"))
	t.Apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: a}
spec:
  virtualhost: {fqdn: "b.${DOMAIN}"}
  routes:
  - services: [{name: two, port: 80}]
`)
	t.Get("http://b.${DOMAIN}/", suite.From("two"))
	t.Get("http://a.${DOMAIN}/", suite.Status(404))
	valid(t, "a")
	t.Delete(apiVersion, "HTTPProxy", "a")
	t.Get("http://b.${DOMAIN}/", suite.Status(404))
	t.Get("http://stays.${DOMAIN}/", suite.From("one"))
}
