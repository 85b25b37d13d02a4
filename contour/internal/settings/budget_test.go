package settings

import (
	"strings"
	"testing"

	"contour.example/contour/internal/config"
)

// The section budgets sets budgets, of which 0 is none, and the limits of request headers.
func TestBudgets(t *testing.T) {
	t.Parallel()
	d, err := File("f", []byte("budgets: {routes: 7, clusters: 0, request-headers-kib: 32, request-headers: 50, filter-chains: 9}\n"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := build(d)
	want := config.Default()
	want.Budgets.Routes, want.Budgets.Clusters = 7, 0
	want.Budgets.FilterChains = 9
	want.HTTP.MaxHeaderKiB, want.HTTP.MaxHeaders = 32, 50
	if err != nil || c.Budgets != want.Budgets || c.HTTP != want.HTTP {
		t.Errorf("%+v, %+v, %v", c.Budgets, c.HTTP, err)
	}
	for text, want := range map[string]string{
		"budgets:\n  routes: -1\n":                "f:2: budgets.routes: The value is not a whole number that is not negative.",
		"budgets:\n  route: 1\n":                  "f:2: budgets.route: There is no such key.",
		"budgets:\n  request-headers-kib: 0\n":    "f:2: budgets.request-headers-kib: 0 is not between 1 and 8192.",
		"budgets:\n  request-headers-kib: 9000\n": "f:2: budgets.request-headers-kib: 9000 is not between 1 and 8192.",
	} {
		d, err := File("f", []byte(text))
		if err == nil {
			_, err = d.Apply(config.Default())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
