package httpproxy

import "contour.example/conformance/suite"

func conditions() []suite.Test { return append(paths(), matches()...) }

// paths are tests of path conditions.
func paths() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/path-conditions",
			Sentence: "Prefix conditions match strings, exact ones whole paths, regex ones by pattern; exact has precedence over regex, regex over prefix, and a longer one over a shorter one.",
			Features: core(condition),
			Backends: backends("root", "prefix", "longer", "exact", "regex"),
			Run: func(t *suite.T) {
				for path, backend := range map[string]string{
					"/":            "root",
					"/p":           "prefix",
					"/p/":          "prefix",
					"/pq":          "prefix", // a string, not a segment
					"/p/longer/x":  "longer",
					"/p/exact":     "exact",
					"/p/exact?q=1": "exact",
					"/p/exact/":    "prefix",
					"/p/42":        "regex",
					"/p/42/x":      "prefix", // the pattern is for the whole path
					"/p/7":         "exact",
					"/x/p":         "root",
				} {
					t.Get("http://a.${DOMAIN}"+path, suite.From(backend))
				}
			},
		},
		{
			Name:     "httpproxy/no-route",
			Sentence: "A path that no route of a host matches is not found.",
			Features: core(condition),
			Backends: backends("root"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/only", suite.From("root"))
				t.Get("http://a.${DOMAIN}/other", suite.Status(404))
			},
		},
		{
			Name:        "httpproxy/exact-before-others",
			Sentence:    "An exact path condition matches exactly, independent of the conditions that follow it in the list.",
			Features:    core(condition),
			Improvement: "With Contour it is a prefix if a header or query condition follows it.",
			Backends:    backends("root", "exact"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/exact?q=1", suite.From("exact"))
				t.Get("http://a.${DOMAIN}/exact/more?q=1", suite.From("root"))
			},
		},
		{
			Name:     "httpproxy/path-normalization",
			Sentence: "Dot segments of a path are resolved and repeated slashes are merged before conditions are evaluated.",
			Features: extended(normalization),
			Backends: backends("root", "deep"),
			Run: func(t *suite.T) {
				for path, backend := range map[string]string{
					"/a/b": "deep", "/a//b": "deep", "/a/./b": "deep", "/x/../a/b": "deep", "/a/b/../c": "root",
				} {
					t.Get("http://a.${DOMAIN}"+path, suite.From(backend))
				}
			},
		},
	}
}

// matches are tests of conditions on headers and query parameters.
func matches() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/header-conditions",
			Sentence: "Every kind of header condition matches as documented, and nothing else.",
			Features: core(condition),
			Backends: backends("yes", "no"),
			Run:      headerConditions,
		},
		{
			Name:     "httpproxy/query-conditions",
			Sentence: "Every kind of query condition matches as documented, and nothing else.",
			Features: core(condition),
			Backends: backends("yes", "no"),
			Run:      queryConditions,
		},
		{
			Name:     "httpproxy/conditions-together",
			Sentence: "All conditions of a route must match, and of two routes that match, the one with more conditions has precedence.",
			Features: core(condition),
			Backends: backends("none", "one", "two", "both"),
			Run: func(t *suite.T) {
				get := func(query, backend string, headers map[string]string) {
					t.Send(suite.Request{URL: "http://a.${DOMAIN}/" + query, Headers: headers}, suite.From(backend))
				}
				get("", "none", nil)
				get("", "one", map[string]string{"X-A": "1"})
				get("", "two", map[string]string{"X-A": "1", "X-B": "1"})
				get("", "none", map[string]string{"X-B": "1"})
				get("?q=1", "none", map[string]string{"X-B": "1"})
				get("?q=1", "both", map[string]string{"X-C": "1"})
				get("", "none", map[string]string{"X-C": "1"})
			},
		},
		{
			Name:     "httpproxy/header-precedence",
			Sentence: "Among routes with the same number of header conditions, exact has precedence over regex, regex over contains, contains over present.",
			Features: core(condition),
			Backends: backends("none", "exact", "regex", "contains", "present"),
			Run: func(t *suite.T) {
				for value, backend := range map[string]string{
					"v1": "exact", "v2": "regex", "xv": "contains", "other": "present",
				} {
					r := suite.Request{URL: "http://a.${DOMAIN}/", Headers: map[string]string{"X-A": value}}
					t.Send(r, suite.From(backend))
				}
				t.Get("http://a.${DOMAIN}/", suite.From("none"))
			},
		},
	}
}

func headerConditions(t *suite.T) {
	for _, c := range []struct{ kind, value, backend string }{
		{"present", "anything", "yes"},
		{"present", "", "no"},
		{"notpresent", "", "yes"},
		{"notpresent", "anything", "no"},
		{"exact", "One", "yes"},
		{"exact", "one", "no"},
		{"exact-any-case", "oNE", "yes"},
		{"contains", "a One b", "yes"},
		{"contains", "a b", "no"},
		{"notexact", "two", "yes"},
		{"notexact", "One", "no"},
		{"notcontains", "two", "yes"},
		{"notcontains", "a One b", "no"},
		{"notcontains-or-missing", "", "yes"},
		{"regex", "v42", "yes"},
		{"regex", "v42x", "no"},
	} {
		r := suite.Request{URL: "http://a.${DOMAIN}/" + c.kind + "/"}
		if c.value != "" {
			r.Headers = map[string]string{"X-Kind": c.value}
		}
		t.Send(r, suite.From(c.backend))
	}
}

func queryConditions(t *suite.T) {
	for _, c := range []struct{ kind, query, backend string }{
		{"present", "kind=anything", "yes"},
		{"present", "other=1", "no"},
		{"exact", "kind=One", "yes"},
		{"exact", "other=1&kind=One", "yes"},
		{"exact", "kind=one", "no"},
		{"exact", "Kind=One", "no"},
		{"exact-any-case", "kind=oNE", "yes"},
		{"prefix", "kind=Onerous", "yes"},
		{"prefix", "kind=aOne", "no"},
		{"suffix", "kind=aOne", "yes"},
		{"suffix", "kind=Onerous", "no"},
		{"contains", "kind=aOneb", "yes"},
		{"contains", "kind=ab", "no"},
		{"regex", "kind=v42", "yes"},
		{"regex", "kind=v42x", "no"},
	} {
		t.Get("http://a.${DOMAIN}/"+c.kind+"/?"+c.query, suite.From(c.backend))
	}
}
