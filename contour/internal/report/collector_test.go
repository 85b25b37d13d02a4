package report

import (
	"fmt"
	"testing"

	"contour.example/contour/internal/kobj"
)

// An object has a bounded number of diagnostics, each once, and it is not hidden that there are more, nor that one of those
// is an error.
func TestCollectorIsBounded(t *testing.T) {
	t.Parallel()
	c, k, other := Collector{}, kobj.Of(kobj.HTTPProxy, "a", "b"), kobj.Of(kobj.HTTPProxy, "a", "c")
	collect := func(k kobj.Key, s Severity, message string) {
		if c.Wants(k, s) {
			c.Collect(Diagnostic{Object: k, Severity: s, Type: TypeRoute, Reason: IgnoredField, Message: message})
		}
	}
	for i := range 3 * maxDiagnostics {
		collect(k, Warning, fmt.Sprint(i/2))
	}
	collect(k, Error, "the last")
	collect(other, Warning, "alone")
	r := c.Finish(TypeSpec)
	if c.Found != 3*maxDiagnostics+2 || len(r.Of(other)) != 1 {
		t.Errorf("%d found, %v about the other object", c.Found, r.Of(other))
	}
	all := r.Of(k)
	if len(all) != maxDiagnostics+1 || all[0].Severity != Error || all[0].Reason != TooMany {
		t.Errorf("%d diagnostics, the first one is %+v", len(all), all[0])
	}
}
