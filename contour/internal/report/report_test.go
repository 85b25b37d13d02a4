package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/kobj"
)

func TestSealSortsByObjectThenFieldAndDropsDuplicates(t *testing.T) {
	a, b := kobj.Of(kobj.HTTPProxy, "ns", "a"), kobj.Of(kobj.HTTPProxy, "ns", "b")
	var r Report
	r.Visit(b)
	r.Visit(a)
	r.Visit(b)
	r.Add(
		Diagnostic{Object: b, Field: "spec"},
		Diagnostic{Object: a, Field: "spec.routes[10]"},
		Diagnostic{Object: a, Field: "spec.routes[2]"},
		Diagnostic{Object: a, Field: "spec.routes[2]"},
	)
	r.Seal()
	want := Report{
		Visited: []kobj.Key{a, b},
		Diagnostics: []Diagnostic{
			{Object: a, Field: "spec.routes[2]"}, {Object: a, Field: "spec.routes[10]"}, {Object: b, Field: "spec"},
		},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if got := r.Of(b); len(got) != 1 {
		t.Errorf("Of(b) = %v", got)
	}
	if got := r.Of(kobj.Of(kobj.HTTPProxy, "ns", "c")); len(got) != 0 {
		t.Errorf("Of(c) = %v", got)
	}
}
