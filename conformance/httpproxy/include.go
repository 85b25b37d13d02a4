package httpproxy

import "contour.example/conformance/suite"

func inclusions() []suite.Test { return append(delegations(), lostInclusions()...) }

// delegations are tests of valid inclusions.
func delegations() []suite.Test {
	return []suite.Test{
		{
			Name:       "httpproxy/include-across-namespaces",
			Sentence:   "An included HTTPProxy serves its part of the host from the Services of its own namespace.",
			Features:   core(inclusion),
			Namespaces: []string{"team"},
			Backends:   []suite.Backend{{Name: "shop"}, {Name: "theirs", Namespace: "team"}},
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/team/deep/x", suite.From("theirs"))
				t.Get("http://a.${DOMAIN}/team/x", suite.From("shop"))
				t.Get("http://a.${DOMAIN}/deep/x", suite.From("shop"))
				valid(t, "root")
			},
		},
		{
			Name:     "httpproxy/include-conditions",
			Sentence: "The conditions of inclusions and of a route are combined: prefixes are concatenated, all header and query conditions apply.",
			Features: core(inclusion),
			Backends: backends("root", "leaf"),
			Run: func(t *suite.T) {
				get := func(path, kind, backend string) {
					t.Send(suite.Request{
						URL: "http://a.${DOMAIN}" + path, Headers: map[string]string{"X-Kind": kind},
					}, suite.From(backend))
				}
				get("/one/two/three?q=1", "special", "leaf")
				get("/one/two/three?q=1", "plain", "root")
				get("/one/two/three?q=2", "special", "root")
				get("/one/two?q=1", "special", "root")
				get("/two/three?q=1", "special", "root")
				get("/one/two/exact?q=1", "special", "leaf")
				get("/one/two/exact/more?q=1", "special", "root")
				valid(t, "leaf")
			},
		},
		{
			Name:     "httpproxy/include-conditions-of-every-kind",
			Sentence: "Every kind of condition on headers and query parameters selects the requests of an inclusion.",
			Features: core(inclusion),
			Backends: backends("root", "leaf"),
			Run:      includedByEveryKind,
		},
		{
			Name:     "httpproxy/include-joins-paths",
			Sentence: "Paths of inclusions and of a route are joined with one slash; a pattern at the end makes a pattern of all.",
			Features: core(inclusion),
			Backends: backends("root", "slash", "pattern"),
			Run: func(t *suite.T) {
				for path, backend := range map[string]string{
					"/one/two": "slash", "/one/two/x": "slash", "/onetwo": "root", "/one/x": "root",
					"/one/v42": "pattern", "/one/vx": "root", "/v42": "root",
				} {
					t.Get("http://a.${DOMAIN}"+path, suite.From(backend))
				}
				valid(t, "leaf")
			},
		},
		{
			Name:     "httpproxy/include-without-conditions",
			Sentence: "Several inclusions without conditions give the host the routes of all.",
			Features: core(inclusion),
			Backends: backends("one", "two"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/one", suite.From("one"))
				t.Get("http://a.${DOMAIN}/two", suite.From("two"))
				valid(t, "root")
			},
		},
	}
}

// lostInclusions are tests of inclusions of a missing HTTPProxy, of another root and of an invalid one.
func lostInclusions() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/include-missing",
			Sentence: "The part of a host that includes a missing HTTPProxy answers 502 until it exists; the rest serves.",
			Features: core(inclusion),
			Backends: backends("root", "child"),
			Run:      includeMissing,
		},
		{
			Name:     "httpproxy/include-root",
			Sentence: "The part of a host that includes another root answers 502; both hosts serve the rest.",
			Features: core(inclusion),
			Backends: backends("root", "other"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/other", suite.From("root"))
				t.Get("http://a.${DOMAIN}/team/x", suite.Status(502))
				t.Get("http://b.${DOMAIN}/", suite.From("other"))
				invalid(t, "root", "IncludeError", "RootIncludesRoot")
				valid(t, "other")
			},
		},
		{
			Name:     "httpproxy/include-broken-child",
			Sentence: "An error in an included HTTPProxy is in its own status; the one that includes it is valid and serves.",
			Features: core(inclusion),
			Backends: backends("root"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("root"))
				invalid(t, "child", "RouteError", "RouteActionCountNotValid")
				valid(t, "root")
			},
		},
		{
			Name:     "httpproxy/orphaned",
			Sentence: "An HTTPProxy without a host that no root includes is orphaned, and valid as soon as one does.",
			Features: core(status),
			Backends: backends("child"),
			Run:      includeOrphan,
		},
	}
}

func includeMissing(t *suite.T) {
	t.Get("http://a.${DOMAIN}/other", suite.From("root"))
	t.Get("http://a.${DOMAIN}/team/x", suite.Status(502))
	invalid(t, "root", "IncludeError", "IncludeNotFound")
	t.Apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: child}
spec:
  routes:
  - services: [{name: child, port: 80}]
`)
	t.Get("http://a.${DOMAIN}/team/x", suite.From("child"))
	valid(t, "root")
}

func includeOrphan(t *suite.T) {
	orphaned(t, "child")
	t.Apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: root}
spec:
  virtualhost: {fqdn: "a.${DOMAIN}"}
  includes:
  - {name: child}
`)
	t.Get("http://a.${DOMAIN}/", suite.From("child"))
	valid(t, "child")
	t.Delete(apiVersion, "HTTPProxy", "root")
	orphaned(t, "child")
	t.Get("http://a.${DOMAIN}/", suite.Status(404))
	t.Get("http://stays.${DOMAIN}/", suite.From("child"))
}

// includedByEveryKind sends requests that meet the condition of an inclusion, and requests that do not.
func includedByEveryKind(t *suite.T) {
	const missing = "-"
	for path, values := range map[string]struct{ leaf, root []string }{
		"/present":     {[]string{"x"}, []string{missing}},
		"/notpresent":  {[]string{missing}, []string{"x"}},
		"/contains":    {[]string{"amidst"}, []string{"aMidst", missing}},
		"/notcontains": {[]string{"aMidst"}, []string{"amidst"}},
		"/any-case":    {[]string{"Value", "vALUE"}, []string{"values", missing}},
		"/notexact":    {[]string{"value"}, []string{"Value"}},
		"/missing":     {[]string{"value", missing}, []string{"Value"}},
		"/regex":       {[]string{"aab"}, []string{"aabc", "caab", missing}},
	} {
		for backend, list := range map[string][]string{"leaf": values.leaf, "root": values.root} {
			for _, v := range list {
				r := suite.Request{URL: "http://a.${DOMAIN}" + path}
				if v != missing {
					r.Headers = map[string]string{"X-A": v}
				}
				t.Send(r, suite.From(backend))
			}
		}
	}
	for path, backend := range map[string]string{
		"prefix?q=abc": "leaf", "prefix?q=cab": "root", "suffix?q=xyz": "leaf", "suffix?q=yzx": "root",
		"contains?q=amidst": "leaf", "contains?q=aMidst": "root", "regex?q=aab": "leaf", "regex?q=aabc": "root",
		"present?q=": "leaf", "present?r=1": "root", "any-case?q=vALUE": "leaf", "any-case?q=values": "root",
	} {
		t.Get("http://a.${DOMAIN}/query/"+path, suite.From(backend))
	}
	valid(t, "leaf")
	valid(t, "root")
}
