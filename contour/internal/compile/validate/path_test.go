package validate

import (
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
			if p := PathMatch(ir.PathMatch{Kind: k, Value: tc.text}); (p == "") != tc.path {
				t.Errorf("PathMatch(%d %q) = %q, want it accepted: %t", k, tc.text, p, tc.path)
			}
		}
		if p := PathMatch(ir.PathMatch{Kind: ir.PathRegex, Value: tc.text}); (p == "") != tc.regex {
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

// FuzzPath checks that valid paths of every kind start with a slash and are text that Envoy accepts.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a*", "a", "/\x00", "/\xc3\x28"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range []ir.PathKind{ir.PathPrefix, ir.PathRegex} {
			if PathMatch(ir.PathMatch{Kind: k, Value: text}) == "" && (!strings.HasPrefix(text, "/") || !IsText(text)) {
				t.Errorf("%q is accepted as a path of kind %d", text, k)
			}
		}
	})
}
