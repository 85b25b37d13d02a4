package validate

import (
	"regexp"
	"strings"
	"testing"

	"contour.example/contour/internal/ir"
)

func TestPath(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text        string
		path, regex bool
	}{
		{"/", true, true},
		{"/a//b", true, true},
		{"/é", true, true},
		{"/a(b", true, false},
		{"/a?b", true, true},
		{"", false, false},
		{"a", false, false},
		{"/a\tb", false, false},
		{"/\xff", false, false},
	} {
		if p := Path(tc.text); (p == "") != tc.path {
			t.Errorf("Path(%q) = %q, want it accepted: %t", tc.text, p, tc.path)
		}
		for _, k := range []ir.PathKind{ir.PathPrefix, ir.PathSegment, ir.PathExact} {
			if p := PathMatch(ir.PathMatch{Kind: k, Value: tc.text}, regexProblem); (p == "") != tc.path {
				t.Errorf("PathMatch(%d %q) = %q, want it accepted: %t", k, tc.text, p, tc.path)
			}
		}
		if p := PathMatch(ir.PathMatch{Kind: ir.PathRegex, Value: tc.text}, regexProblem); (p == "") != tc.regex {
			t.Errorf("PathMatch(regex %q) = %q, want it accepted: %t", tc.text, p, tc.regex)
		}
	}
	if p := PathLength(strings.Repeat("x", maxPath)); p != "" {
		t.Errorf("a path of the maximum length %s", p)
	}
	if p := PathLength(strings.Repeat("x", maxPath+1)); p != "is longer than 16384 bytes" {
		t.Errorf("a path above the maximum length: %q", p)
	}
}

func TestReadablePath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ plain, regex string }{
		"/admin":         {"/admin", "/admin"},
		"admin":          {"/admin", "/admin"},
		"":               {"/", "/"},
		"/a\tb":          {"/a", "/a"},
		"/a\xffb":        {"/a", "/a"},
		"/a?b=c":         {"/a", "/"},
		"/a#b":           {"/a", "/a"},
		"/admin(":        {"/admin(", "/admin"},
		"^/admin(/.*":    {"/^/admin(/.*", "/admin"},
		"/admin(a|b":     {"/admin(a|b", "/admin"},
		"/admin(?!x)":    {"/admin(", "/admin"},
		"/admin[|]x(":    {"/admin[|]x(", "/admin"},
		"/a|/b(":         {"/a|/b(", "/"},
		"/a)|/b(":        {"/a)|/b(", "/"},
		"(?i)/admin(":    {"/(", "/"},
		`/a\.b\d(`:       {`/a\.b\d(`, "/a.b"},
		`/a\|b(`:         {`/a\|b(`, "/a|b"},
		"/ab*(":          {"/ab*(", "/a"},
		"/ab{0}(":        {"/ab{0}(", "/a"},
		"/ab+(":          {"/ab+(", "/ab"},
		"/é?(":           {"/é", "/"},
		"/(?=ahead)[a]":  {"/(", "/"},
		`/trailing\`:     {`/trailing\`, "/trailing"},
		"//double/slash": {"/double/slash", "/double/slash"},
	} {
		for kind, want := range map[ir.PathKind]string{ir.PathPrefix: want.plain, ir.PathExact: want.plain, ir.PathRegex: want.regex} {
			if got := ReadablePath(ir.PathMatch{Kind: kind, Value: text}); got != (ir.PathMatch{Kind: ir.PathPrefix, Value: want}) {
				t.Errorf("ReadablePath(%d %q) = %+v, want the prefix %q", kind, text, got, want)
			}
		}
	}
}

// FuzzReadablePath checks that what is read of a path is a path, and of an expression that compiles what all its matches begin
// with.
func FuzzReadablePath(f *testing.F) {
	for _, s := range []string{"/a|b", "/ab?c", "/a(?i:b)", `/a\Q*`, "/a{0}", "/[a]|b", `/\x{41}`, "/a**", "^/a$", "/a(b|c)?"} {
		f.Add(s, "/ab")
	}
	f.Fuzz(func(t *testing.T, expr, path string) {
		for _, k := range []ir.PathKind{ir.PathPrefix, ir.PathExact, ir.PathSegment, ir.PathRegex} {
			m := ReadablePath(ir.PathMatch{Kind: k, Value: expr})
			if m.Kind != ir.PathPrefix || Path(m.Value) != "" || PathLength(m.Value) != "" {
				t.Errorf("%q of kind %d is read as %+v, which is no path", expr, k, m)
			}
		}
		re, err := regexp.Compile(`^(?:` + expr + `)$`)
		if err != nil || Path(expr) != "" || strings.ContainsAny(path, "?#") || Path(path) != "" || strings.HasPrefix(path, "//") {
			return
		}
		if m := ReadablePath(ir.PathMatch{Kind: ir.PathRegex, Value: expr}); re.MatchString(path) && !strings.HasPrefix(path, m.Value) {
			t.Errorf("%q matches %q, which does not begin with %q", expr, path, m.Value)
		}
	})
}

// FuzzPath checks that a path begins with a slash and can be put into a message of Envoy's, whatever kind it is of.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a*", "a", "/\x00", "/\xc3\x28"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range []ir.PathKind{ir.PathPrefix, ir.PathRegex} {
			if PathMatch(ir.PathMatch{Kind: k, Value: text}, regexProblem) == "" && (!strings.HasPrefix(text, "/") || !IsText(text)) {
				t.Errorf("%q is accepted as a path of kind %d", text, k)
			}
		}
	})
}
