package gatewayapi

import (
	"testing"

	"contour.example/contour/internal/ir"
)

// The path of a cookie is one that all requests of the match are below, in characters that a cookie may have.
func TestCookiePath(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		kind ir.PathKind
		path string
		want string
	}{
		{ir.PathSegment, "/", "/"},
		{ir.PathSegment, "/a/b", "/a/b"},
		{ir.PathExact, "/a/b/", "/a/b/"},
		{ir.PathExact, "/a/b;Domain=x/c", "/a"},
		{ir.PathExact, "/a\u00e9", "/"},
		{ir.PathMethod, "Get", "/"},
		{ir.PathRegex, "/a/b/.*", "/a/b"},
		{ir.PathRegex, "/a/b.*", "/a"},
		{ir.PathRegex, "/a/bc?", "/a"},
		{ir.PathRegex, "/a/b", "/a/b"},
		{ir.PathRegex, "/a/b|/c", "/"},
		{ir.PathRegex, "(?i)/a/b", "/"},
		{ir.PathRegex, `/a/b\.c/d`, "/a"},
		{ir.PathRegex, "/a/?b", "/"},
		{ir.PathRegex, "/a/+b", "/a"},
		{ir.PathRegex, "/a{2}/b", "/"},
		{ir.PathRegex, ".*", "/"},
	} {
		if got := cookiePath(ir.PathMatch{Kind: row.kind, Value: row.path}); got != row.want {
			t.Errorf("%d %q: %q, want %q", row.kind, row.path, got, row.want)
		}
	}
}

// Two sessions of one name mix if a client sends the token of one with requests of the other.
func TestSessionsThatMix(t *testing.T) {
	t.Parallel()
	cookie := func(name, path string) ir.Session { return ir.Session{Name: name, Path: path} }
	header := func(name string) ir.Session { return ir.Session{Name: name, Header: true} }
	for _, row := range []struct {
		a, b ir.Session
		want bool
	}{
		{cookie("x", "/a"), cookie("x", "/b"), false},
		{cookie("x", "/a"), cookie("x", "/ab"), false},
		{cookie("x", "/a"), cookie("x", "/a"), true},
		{cookie("x", "/a"), cookie("x", "/a/b"), true},
		{cookie("x", "/a/"), cookie("x", "/a/b"), true},
		{cookie("x", "/"), cookie("x", "/b"), true},
		{cookie("x", "/"), cookie("X", "/"), false},
		{cookie("x", "/"), header("x"), false},
		{header("x"), header("X"), true},
		{header("x"), header("y"), false},
	} {
		for _, pair := range [][2]ir.Session{{row.a, row.b}, {row.b, row.a}} {
			if got := (&ruleSession{Session: pair[0]}).mixes(&pair[1]); got != row.want {
				t.Errorf("%+v and %+v mix: %t", pair[0], pair[1], got)
			}
		}
	}
}
