package settings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

// Names are those of the model, and values remain as they are until their variables are known.
func TestDefaultHeadersAreApplied(t *testing.T) {
	t.Parallel()
	d, err := File("f", []byte(`
policy:
  applyToIngress: true
  request-headers:
    set: {x-b: "%CONTOUR_NAMESPACE%", X-A: 50%}
    remove: [x-c]
  response-headers:
    remove: [server-timing]
`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Headers{
		Requests: ir.HeaderEdits{
			Set:    []ir.Header{{Name: "X-A", Value: "50%"}, {Name: "X-B", Value: "%CONTOUR_NAMESPACE%"}},
			Remove: []string{"X-C"},
		},
		Responses: ir.HeaderEdits{Remove: []string{"Server-Timing"}},
		Ingress:   true,
	}
	if d := cmp.Diff(want, c.Headers); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
}

func TestDefaultHeadersThatCannotBeChangedAreErrors(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 101 {
		fmt.Fprintf(&many, "x-%d: a, ", i)
	}
	for _, row := range []struct{ policy, want string }{
		{"request-headers: {set: {host: a}}", "The header Host cannot be changed by default."},
		{"response-headers: {remove: [Host]}", "The header Host cannot be changed by default."},
		{"request-headers: {set: {content-length: 1}}", "only Envoy sets and removes"},
		{"request-headers: {set: {a b: c}}", "is not a valid header name"},
		{"request-headers: {set: {x-a: 1, X-A: 2}}", "occurs twice"},
		{"response-headers: {remove: [x-a, X-A]}", "occurs twice"},
		{`response-headers: {set: {x-a: "a\nb"}}`, "has control characters"},
		{"response-headers: {set: {" + many.String() + "}}", "at most 100 are allowed"},
	} {
		d, err := File("f", []byte("policy:\n  "+row.policy+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = build(d); err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "f:2: policy.") {
			t.Errorf("%.60s: %v, want %q at f:2", row.policy, err, row.want)
		}
	}
}
