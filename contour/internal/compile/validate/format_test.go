package validate

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":                        "plain",
		"100%":                         "100%%",
		"%":                            "%%",
		"%%":                           "%%%%",
		"%HOSTNAME%":                   "%HOSTNAME%",
		"%HOSTNAME%%PROTOCOL%":         "%HOSTNAME%%PROTOCOL%",
		"%UNKNOWN%":                    "%%UNKNOWN%%",
		"50% of %REQ(Host)%":           "50%% of %REQ(Host)%",
		"%REQ(x-a?:authority):12%":     "%REQ(x-a?:authority):12%",
		"%REQ()%":                      "%%REQ()%%",
		"%REQ(x):%":                    "%%REQ(x):%%",
		"%REQ(x y)%":                   "%%REQ(x y)%%",
		"%NAMESPACE%/x":                "ns/x",
		"%NAMESPACE%%NAMESPACE":        "ns%%NAMESPACE",
		"%START_TIME%":                 "%%START_TIME%%",
		"%DOWNSTREAM_REMOTE_ADDRESS%%": "%DOWNSTREAM_REMOTE_ADDRESS%%%",
	} {
		if got := Expand(text, lookup); got != want {
			t.Errorf("Expand(%q) = %q, want %q", text, got, want)
		}
	}
	if got, want := Escape("50% of %NAMESPACE%"), "50%% of %%NAMESPACE%%"; got != want {
		t.Errorf("Escape: %q, want %q", got, want)
	}
}

// lookup knows one variable.
func lookup(name string) (string, bool) { return "ns", name == "NAMESPACE" }

func TestRequestHeader(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"%REQ(x-host)%": "x-host", "%REQ(x-host)% ": "", "%REQ(x host)%": "", "%REQ()%": "", "%REQ(:authority)%": "", "x-host": "", "%REQ(x)%%": "",
	} {
		got, ok := RequestHeader(text)
		if ok != (want != "") || ok && got != want {
			t.Errorf("RequestHeader(%q) = %q, %t, want %q", text, got, ok, want)
		}
	}
}

// FuzzExpand checks that Expand and Escape return well-formed format strings, and that Escape preserves the text.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"100%", "%HOSTNAME%", "%REQ(a?:b):3%", "%NAMESPACE%", "%%", "%REQ(%)%", "%REQ(a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []string{Expand(text, lookup), Escape(text)} {
			if _, ok := literals(format); !ok {
				t.Errorf("%q becomes %q, which is not well-formed", text, format)
			}
		}
		if plain, _ := literals(Escape(text)); plain != text {
			t.Errorf("%q is escaped as %q, which is %q", text, Escape(text), plain)
		}
	})
}

// literals returns the text of a format string without its operators; false if Envoy rejects the format string.
func literals(format string) (string, bool) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(format, "%")
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		name, rest, closed := strings.Cut(after, "%")
		switch {
		case !closed || name != "" && !isOperator(name):
			return "", false
		case name == "":
			out.WriteByte('%')
		}
		format = rest
	}
}
