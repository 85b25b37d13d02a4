package httpproxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

func change(name string, spec contourv1.HTTPProxySpec) store.Change {
	return store.Change{
		Key:    kobj.Of(kobj.HTTPProxy, "default", name),
		Object: &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: spec},
	}
}

func direct(prefix string) contourv1.Route {
	return contourv1.Route{
		Conditions:           []contourv1.MatchCondition{{Prefix: prefix}},
		DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200},
	}
}

func manyRoutes(n int) []contourv1.Route {
	routes := make([]contourv1.Route, n)
	for i := range routes {
		routes[i] = direct(fmt.Sprintf("/%d", i))
	}
	return routes
}

func host() *contourv1.VirtualHost { return &contourv1.VirtualHost{Fqdn: "a.example.com"} }

func reasons(c compiled) []report.Reason {
	var out []report.Reason
	for _, d := range c.Diagnostics {
		out = append(out, d.Reason)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestTenThousandRoutes(t *testing.T) {
	t.Parallel()
	got := newFixture(t, config.Default()).compile(t, []store.Change{change("root", contourv1.HTTPProxySpec{VirtualHost: host(), Routes: manyRoutes(10_000)})})
	if n := len(got[0].Contributions[0].Routes); n != 10_000 || len(got[0].Diagnostics) > 0 {
		t.Errorf("%d routes and diagnostics %v, want 10000 and none", n, got[0].Diagnostics)
	}
}

func TestTooManyRoutesAnswerWithAnError(t *testing.T) {
	t.Parallel()
	got := newFixture(t, config.Default()).compile(t, []store.Change{change("root", contourv1.HTTPProxySpec{VirtualHost: host(), Routes: manyRoutes(maxParts + 1)})})
	routes := got[0].Contributions[0].Routes
	if len(routes) != 1 || routes[0].Direct == nil || routes[0].Direct.Code != 500 || !slices.Equal(reasons(got[0]), []report.Reason{report.TooMany}) {
		t.Errorf("%d routes and reasons %v, want one route that answers 500 and TooMany", len(routes), reasons(got[0]))
	}
}

// 2^40 routes are included: inclusions above the limit answer with 502, the others are served.
func TestExponentialInclusion(t *testing.T) {
	t.Parallel()
	const levels = 40
	includes := func(i int) []contourv1.Include {
		name := fmt.Sprintf("p%d", i)
		return []contourv1.Include{
			{Name: name, Conditions: []contourv1.MatchCondition{{Prefix: "/a"}}},
			{Name: name, Conditions: []contourv1.MatchCondition{{Prefix: "/b"}}},
		}
	}
	batch := []store.Change{change("root", contourv1.HTTPProxySpec{VirtualHost: host(), Routes: []contourv1.Route{direct("/")}, Includes: includes(1)})}
	for i := 1; i < levels; i++ {
		batch = append(batch, change(fmt.Sprintf("p%d", i), contourv1.HTTPProxySpec{Includes: includes(i + 1)}))
	}
	batch = append(batch, change(fmt.Sprintf("p%d", levels), contourv1.HTTPProxySpec{Routes: []contourv1.Route{direct("/")}}))
	got := newFixture(t, config.Default()).compile(t, batch)
	if n := len(got[0].Contributions[0].Routes); n > maxParts || !slices.Contains(reasons(got[0]), report.TooMany) {
		t.Errorf("%d routes and reasons %v", n, reasons(got[0]))
	}
}

// 100 KB of headers are included a thousand times, then a thousand routes with 100 KB of conditions:
// inclusions above the limit answer with 502, the others are served.
func TestInclusionOfLargeSpecifications(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10_000)
	large := direct("/")
	large.ResponseHeadersPolicy = &contourv1.HeadersPolicy{}
	var above []contourv1.MatchCondition
	for i := range 10 {
		name := fmt.Sprintf("x-%d", i)
		large.ResponseHeadersPolicy.Set = append(large.ResponseHeadersPolicy.Set, contourv1.HeaderValue{Name: name, Value: long})
		above = append(above, contourv1.MatchCondition{Header: &contourv1.HeaderMatchCondition{Name: name, Exact: long}})
	}
	var many []contourv1.Include
	for i := range 1000 {
		many = append(many, contourv1.Include{Name: "part", Conditions: []contourv1.MatchCondition{{Prefix: fmt.Sprintf("/%d", i)}}})
	}
	for name, c := range map[string]struct {
		includes []contourv1.Include
		routes   []contourv1.Route
	}{
		"text":       {many, []contourv1.Route{large}},
		"conditions": {[]contourv1.Include{{Name: "part", Conditions: above}}, manyRoutes(1000)},
	} {
		got := newFixture(t, config.Default()).compile(t, []store.Change{
			change("root", contourv1.HTTPProxySpec{VirtualHost: host(), Includes: c.includes}),
			change("part", contourv1.HTTPProxySpec{Routes: c.routes}),
		})
		if size := sizeOf(got[0].Contributions[0].Routes); size > 2*maxCopied || !slices.Contains(reasons(got[0]), report.TooMany) {
			t.Errorf("%s: %d bytes and reasons %v", name, size, reasons(got[0]))
		}
	}
}

func sizeOf(routes []ir.Route) int {
	n := 0
	for _, r := range routes {
		for _, h := range r.ResponseHeaders.Set {
			n += len(h.Value)
		}
		for _, h := range r.Match.Headers {
			n += len(h.Value)
		}
	}
	return n
}

func TestDepth(t *testing.T) {
	t.Parallel()
	batch := []store.Change{change("root", contourv1.HTTPProxySpec{VirtualHost: host(), Includes: []contourv1.Include{{Name: "p0"}}})}
	for i := range 2 * maxDepth {
		batch = append(batch, change(fmt.Sprintf("p%d", i), contourv1.HTTPProxySpec{
			Routes: []contourv1.Route{direct(fmt.Sprintf("/%d", i))}, Includes: []contourv1.Include{{Name: fmt.Sprintf("p%d", i+1)}},
		}))
	}
	got := newFixture(t, config.Default()).compile(t, batch)
	if n := len(got[0].Contributions[0].Routes); n != maxDepth-1 || !slices.Equal(reasons(got[0]), []report.Reason{report.TooMany}) {
		t.Errorf("%d routes and reasons %v, want %d and TooMany", n, reasons(got[0]), maxDepth-1)
	}
}

func TestManyConditions(t *testing.T) {
	t.Parallel()
	var list []contourv1.MatchCondition
	for i := range maxMatches + 1 {
		list = append(list, contourv1.MatchCondition{
			Header:         &contourv1.HeaderMatchCondition{Name: fmt.Sprintf("x-%d", i), Present: true},
			QueryParameter: &contourv1.QueryParameterMatchCondition{Name: fmt.Sprintf("q%d", i), Present: true},
		})
	}
	route := contourv1.Route{Conditions: list, DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200}}
	got := newFixture(t, config.Default()).compile(t, []store.Change{change("root", contourv1.HTTPProxySpec{VirtualHost: host(), Routes: []contourv1.Route{route, direct("/")}})})
	want := []report.Reason{report.HeaderMatchConditionsNotValid, report.QueryParameterMatchConditionsNotValid}
	if n := len(got[0].Contributions[0].Routes); n != 1 || !slices.Equal(reasons(got[0]), want) {
		t.Errorf("%d routes and reasons %v, want 1 and %v", n, reasons(got[0]), want)
	}
}
