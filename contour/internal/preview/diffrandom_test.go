package preview_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/preview"
)

// randomRoutes returns an HTTPProxy with routes that overlap in many ways, each of which responds in its own way.
func randomRoutes(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	path := func() string {
		var out strings.Builder
		for range 1 + r.IntN(2) {
			out.WriteString("/" + pick("a", "b", "ab", "a1", ""))
		}
		return strings.ReplaceAll(out.String(), "//", "/")
	}
	var out strings.Builder
	out.WriteString(proxy + "metadata: {name: a}\nspec:\n  virtualhost: {fqdn: a.example.com}\n  routes:\n")
	for range 1 + r.IntN(5) {
		conditions := []string{pick("{prefix: "+path()+"}", "{prefix: "+path()+"}", "{exact: "+path()+"}", "{regex: '"+pick("/a[0-9]*", "/(a|b)+", "/[ab]/.*", "/a(/b)?", ".*1")+"'}")}
		for range r.IntN(3) {
			name, value := pick("x-a", "x-b"), pick("v", "vw", "w")
			conditions = append(conditions, pick(
				fmt.Sprintf("{header: {name: %s, exact: %s}}", name, value), fmt.Sprintf("{header: {name: %s, notexact: %s}}", name, value),
				fmt.Sprintf("{header: {name: %s, contains: %s}}", name, value), fmt.Sprintf("{header: {name: %s, present: true}}", name),
				fmt.Sprintf("{header: {name: %s, notpresent: true}}", name), fmt.Sprintf("{queryParameter: {name: q, prefix: %s}}", value),
				fmt.Sprintf("{queryParameter: {name: q, exact: %s, ignoreCase: true}}", value),
			))
		}
		fmt.Fprintf(&out, "    - conditions: [%s]\n      directResponsePolicy: {statusCode: %d}\n", strings.Join(conditions, ", "), 200+r.IntN(4))
	}
	return out.String()
}

// randomRequest returns a request with what the conditions may be about.
func randomRequest(r *rand.Rand) preview.Request {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	q := preview.Request{Host: "a.example.com", Method: "GET", Path: pick("/", "/a", "/b", "/ab", "/a1", "/a/", "/a/b", "/a/b/1", "/ab/1", "/b1", "/aa", "/c/1", "/1", "/a/a1", "/aab"), Headers: map[string]string{}}
	for _, name := range []string{"x-a", "x-b"} {
		if r.IntN(3) > 0 {
			q.Headers[name] = pick("v", "vw", "w", "xvx", "x")
		}
	}
	if r.IntN(2) > 0 {
		q.Path += "?q=" + pick("v", "V", "vw", "w", "x", "")
	}
	return q
}

// Whatever requests are answered differently, a difference with those two answers is found.
func TestNoDifferenceIsMissed(t *testing.T) {
	t.Parallel()
	compared, seeds := 0, uint64(60)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		old := randomRoutes(r)
		updated := randomRoutes(r)
		if seed%2 == 0 { // a small change
			at := strings.LastIndex(old, "    - ")
			updated = old[:at] + strings.NewReplacer("v", "w", "/a", "/b", "exact", "prefix").Replace(old[at:])
		}
		a, b := load(t, config.Default(), old), load(t, config.Default(), updated)
		d, err := preview.Compare(a, b)
		if err != nil || d.Unknown > 0 {
			t.Fatalf("seed %d: %v, unknown %d", seed, err, d.Unknown)
		}
		found := map[string]bool{}
		for _, h := range d.Hosts {
			for _, x := range h.Requests {
				found[x.Old[:3]+x.New[:3]] = true
			}
		}
		for range 150 {
			q := randomRequest(r)
			was, is := status(t, a, q), status(t, b, q)
			if was != is && !found[was+is] {
				t.Fatalf("seed %d: %s %v: %s and %s, which no difference shows\n%s\n%s", seed, q.Path, q.Headers, was, is, old, updated)
			}
			if was != is {
				compared++
			}
		}
	}
	if compared < int(seeds) {
		t.Errorf("only %d requests differ", compared)
	}
}

func status(t *testing.T, p *preview.Preview, q preview.Request) string {
	t.Helper()
	x, err := p.Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(x.Answer.Status)
}
