package statuswriter

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/contour/internal/kobj"
)

// A missing permission is one line of the log, not one for each object; what an admission plugin refuses is one for each.
func TestMissingPermissionIsLoggedOnce(t *testing.T) {
	t.Parallel()
	refused := func(why string) error {
		return apierrors.NewForbidden(schema.GroupResource{Group: "projectcontour.io", Resource: "httpproxies"}, "a", errors.New(why))
	}
	rbac := refused(`User "system:serviceaccount:projectcontour:contour" cannot patch resource "httpproxies/status" in API group "projectcontour.io" in the namespace "default"`)
	for _, c := range []struct {
		err                error
		missing, perObject int
	}{{rbac, 1, 0}, {refused("the policy denies it"), 0, 3}, {errors.New("broken"), 0, 3}} {
		var text strings.Builder
		tm := newTerm(New(Options{Log: slog.New(slog.NewTextHandler(&text, nil))}))
		for _, name := range []string{"a", "b", "c"} {
			for failures := range 2 {
				tm.log(t.Context(), failures, proxyKey(name), "status write failed, retrying", c.err)
			}
		}
		if n := strings.Count(text.String(), "permission is missing"); n != c.missing {
			t.Errorf("%v: %d lines about a permission, want %d:\n%s", c.err, n, c.missing, text.String())
		}
		if n := strings.Count(text.String(), "status write failed"); n != c.perObject {
			t.Errorf("%v: %d lines about objects, want %d:\n%s", c.err, n, c.perObject, text.String())
		}
		if c.missing > 0 {
			tm.log(t.Context(), 0, kobj.Of(kobj.Ingress, "default", "a"), "event write failed, retrying", c.err)
			if n := strings.Count(text.String(), "permission is missing"); n != 2 {
				t.Errorf("another permission is not logged:\n%s", text.String())
			}
		}
	}
}
