package backend

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Each key fails as many requests as its header specifies, independent of other keys.
func TestFailsOnDemand(t *testing.T) {
	t.Parallel()
	h := Handler("shop", "shop-0", 0)
	send := func(fail string) int {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(FailHeader, fail)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for i, step := range []struct {
		fail string
		want int
	}{
		{"2 a", 503},
		{"1 b", 503},
		{"2 a", 503},
		{"1 b", 200},
		{"2 a", 200},
		{"2 a", 503}, // removed, so the count starts again
		{"0 c", 200},
		{"x c", 200},
		{"", 200},
	} {
		if got := send(step.fail); got != step.want {
			t.Errorf("request %d, %q: status %d, want %d", i, step.fail, got, step.want)
		}
	}
}
