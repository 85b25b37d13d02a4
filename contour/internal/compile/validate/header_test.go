package validate

import (
	"regexp"
	"strings"
	"testing"

	"contour.example/contour/internal/ir"
)

func TestHeaderNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxName)
	for _, tc := range []struct {
		text                 string
		header, match, query bool
	}{
		{"X-Request-Id", true, true, true},
		{"!#$%&'*+-.^_`|~", true, true, true},
		{":authority", false, true, true},
		{"::authority", false, false, true},
		{"x y", false, false, true},
		{"é", false, false, true},
		{"x:", false, false, true},
		{"a\x00", false, false, false},
		{"", false, false, false},
		{":", false, false, true},
		{long, true, true, true},
		{long + "x", false, false, false},
	} {
		for what, got := range map[string]bool{
			"HeaderName":      (HeaderName(tc.text) == "") == tc.header,
			"HeaderMatchName": (HeaderMatchName(tc.text) == "") == tc.match,
			"QueryName":       (QueryName(tc.text) == "") == tc.query,
		} {
			if !got {
				t.Errorf("%s(%.20q): the result is not as expected", what, tc.text)
			}
		}
	}
}

// What delimits messages or belongs to one connection is Envoy's, in whatever case it is written.
func TestHeadersOfTheConnectionAreNotEditable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Content-Length", "transfer-encoding", "Connection", "UPGRADE", "TE", "Trailer", "Keep-Alive", "Proxy-Connection",
	} {
		if EditableHeader(name) == "" || HeaderName(name) != "" || HeaderMatchName(name) != "" {
			t.Errorf("%s can be set or removed, or is not compared with", name)
		}
	}
	for _, name := range []string{"Content-Type", "X-Connection", "Content-Encoding", "Trailers", "Host"} {
		if p := EditableHeader(name); p != "" {
			t.Errorf("%s %s", name, p)
		}
	}
	if EditableHeader("bad name") == "" {
		t.Error("what is no name of a header can be set")
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text         string
		value, match bool
	}{
		{"v", true, true},
		{"é %", true, true},
		{"\u0085", true, true},
		{"", false, true},
		{"a\r\nb", false, false},
		{"\xff", false, false},
		{strings.Repeat("x", maxHeaderValue), true, true},
		{strings.Repeat("x", maxHeaderValue+1), false, true},
		{strings.Repeat("%", maxHeaderValue/2+1), false, true},
	} {
		if p := HeaderValue(tc.text, Escape(tc.text)); (p == "") != tc.value {
			t.Errorf("HeaderValue(%.20q) = %q, want it accepted: %t", tc.text, p, tc.value)
		}
		if p := MatchValue(ir.StringExact, tc.text, regexProblem); (p == "") != tc.match {
			t.Errorf("MatchValue(%.20q) = %q, want it accepted: %t", tc.text, p, tc.match)
		}
	}
	if p := MatchValue(ir.StringRegex, "(", regexProblem); p == "" {
		t.Error("an expression that does not compile is accepted")
	}
}

// FuzzHeaderName compares HeaderName with the grammar of RFC 9110.
func FuzzHeaderName(f *testing.F) {
	for _, s := range []string{"X-A", ":authority", "", "a b", "a\n"} {
		f.Add(s)
	}
	token := regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := HeaderName(text) == "", token.MatchString(text) && len(text) <= maxName; got != want {
			t.Errorf("HeaderName(%q) accepts: %t, want %t", text, got, want)
		}
	})
}
