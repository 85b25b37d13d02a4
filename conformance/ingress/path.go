package ingress

import "contour.example/conformance/suite"

// route is a path and the backend that answers.
type route struct{ path, backend string }

// expect waits until each path of the host a gets its answer; without a backend that is an error.
func expect(t *suite.T, routes ...route) {
	for _, r := range routes {
		if r.backend == "" {
			t.Get("http://a.${DOMAIN}"+r.path, suite.Error)
			continue
		}
		t.Get("http://a.${DOMAIN}"+r.path, suite.From(r.backend))
	}
}

func paths() []suite.Test {
	return []suite.Test{
		{
			Name:     "ingress/path-exact",
			Sentence: "A path of type Exact matches itself, case and trailing slash included.",
			Features: core(path),
			Backends: backends("plain", "slash"),
			Run: func(t *suite.T) {
				expect(t, route{"/foo", "plain"}, route{"/foo?x=1", "plain"}, route{"/bar/", "slash"})
				expect(t, route{"/foo/", ""}, route{"/FOO", ""}, route{"/foo/x", ""}, route{"/bar", ""}, route{"/", ""})
			},
		},
		{
			Name:     "ingress/path-prefix",
			Sentence: "A path of type Prefix matches by segments; a trailing slash in it makes no difference.",
			Features: core(path),
			Backends: backends("foo", "bar"),
			Run: func(t *suite.T) {
				expect(t, route{"/foo", "foo"}, route{"/foo/", "foo"}, route{"/foo/x", "foo"})
				expect(t, route{"/bar", "bar"}, route{"/bar/", "bar"}, route{"/bar/x", "bar"})
				expect(t, route{"/foobar", ""}, route{"/FOO", ""}, route{"/", ""}, route{"/x/foo", ""})
			},
		},
		{
			Name:     "ingress/path-prefix-longest",
			Sentence: "Of several prefixes that match, the longest wins, whatever their order.",
			Features: core(path),
			Backends: backends("root", "a", "ab", "abc"),
			Run: func(t *suite.T) {
				expect(t, route{"/", "root"}, route{"/x", "root"}, route{"/a", "a"}, route{"/a/x", "a"})
				expect(t, route{"/a/b", "ab"}, route{"/a/b/x", "ab"}, route{"/a/b/c", "abc"}, route{"/a/b/c/d", "abc"}, route{"/ab", "root"})
			},
		},
		{
			Name:     "ingress/path-exact-before-prefix",
			Sentence: "Of an exact path and a prefix that are equal, the exact one wins.",
			Features: core(path),
			Backends: backends("exact", "prefix"),
			Run: func(t *suite.T) {
				expect(t, route{"/foo", "exact"}, route{"/foo/", "prefix"}, route{"/foo/x", "prefix"})
			},
		},
		{
			Name:     "ingress/path-implementation-specific",
			Sentence: "A path of type ImplementationSpecific with a special character is a regular expression, otherwise a prefix of the string.",
			Features: extended(pattern),
			Backends: backends("string", "regex"),
			Run: func(t *suite.T) {
				expect(t, route{"/foo", "string"}, route{"/foobar", "string"}, route{"/foo/x", "string"})
				expect(t, route{"/v1/users", "regex"}, route{"/v22/users", "regex"}, route{"/vx/users", ""}, route{"/v1/users/7", ""})
			},
		},
	}
}
