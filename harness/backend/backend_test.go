package backend

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Requests fail as often as they ask to, and each key counts by itself.
func TestFailsOnDemand(t *testing.T) {
	t.Parallel()
	h := Handler("shop", "shop-0", 0)
	ask := func(fail string) int {
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
		{"2 a", 503}, // forgotten, so it begins again
		{"0 c", 200},
		{"x c", 200},
		{"", 200},
	} {
		if got := ask(step.fail); got != step.want {
			t.Errorf("request %d, %q: status %d, want %d", i, step.fail, got, step.want)
		}
	}
}
