package app

import (
	"io"
	"strings"
	"testing"

	"contour.example/contour/internal/similar"
)

func TestSimilarFlagsAreSuggested(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"serve --ingress-class=a", ""},
		{"serve --ingress-class-names=a", "did you mean --ingress-class-name?"},
		{"serve --xds-adress=a", "did you mean --xds-address?"},
		{"serve --kubernetes-qps=1", ""},
		{"standalone --no-such-flag .", ""},
		{"gateway-provisioner --metrics-addr=a", "--metrics-addr: address a: missing port"},
	} {
		var text strings.Builder
		if code := Main(strings.Fields(c.args), Streams{Out: io.Discard, Err: &text, Env: noEnv}); code == 0 {
			t.Errorf("%s: succeeds", c.args)
		}
		if got := text.String(); !strings.Contains(got, c.want) || c.want == "" && strings.Contains(got, "did you mean") {
			t.Errorf("%s: %s", c.args, got)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abd", 1}, {"abc", "bc", 1}, {"kitten", "sitting", 3}} {
		if got := similar.Distance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %d", c.a, c.b, got)
		}
	}
}
