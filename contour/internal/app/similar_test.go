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

// What is wrong with the value of a flag is said in the words of the command line, not of a programming language.
func TestFlagErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"standalone --http-port=eighty .", "contour: --http-port: \"eighty\" is not a port, 0 to 65535\n"},
		{"standalone --http-port=70000 .", "contour: --http-port: \"70000\" is not a port, 0 to 65535\n"},
		{"standalone . --http-port", "contour: --http-port: a value is needed: a port, 0 to 65535\n"},
		{"standalone . --envoy", "contour: --envoy: a value is needed: "},
		{"validate --request-timeout=x", "contour: --request-timeout: \"x\" is not a duration, such as 30s or 5m\n"},
		{"serve --insecure=x", "contour: --insecure: \"x\" is not true or false\n"},
		{"serve --route-table-hosts=x", "contour: --route-table-hosts: \"x\" is not a whole number\n"},
		{"serve --xds-port=x", "contour: --xds-port: \"x\" is not between 0 and 65535\n"},
		{"serve --accesslog-format=x", "contour: --accesslog-format: \"x\" is not one of envoy, json\n"},
		{"standalone", "contour: contour standalone takes one or more arguments, and got 0: contour standalone PATH ...\n"},
		{"validate a", "contour: contour validate takes no arguments, and got 1: contour validate [-f PATH]\n"},
		{"status a b", "contour: contour status takes at most 1 argument, and got 2: contour status [KIND/NAMESPACE/NAME]\n"},
	} {
		if code, out, errs := runMain(strings.Fields(c.args)...); code != 2 || out != "" || !strings.HasPrefix(errs, c.want) {
			t.Errorf("%s: exit code %d: %s", c.args, code, errs)
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
