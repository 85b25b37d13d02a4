package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"contour.example/harness/traffic"
)

const (
	longHeader = 30 << 10
	// largeStates has many states: a match remembers which of the last bytes were an "a". It costs more than a budget of
	// expressions allows.
	largeStates = "([ab]*a[ab]{90}c)?([ab]*a[ab]{90}c)?"
)

// expressionAttacks are about regular expressions, with requests that make the most of them.
func expressionAttacks() []attack {
	return []attack{
		{
			name:   "regex-3k",
			create: expressions(1, 60, func(i int) string { return fmt.Sprintf("x{%d}%s", i+1, largeStates) }),
			edit:   editExpression, rate: 10, send: sendLongHeader, sendRate: 5,
		},
		{
			name:   "regex-20k",
			create: expressions(1, 400, func(i int) string { return fmt.Sprintf("x{%d}%s", i+1, largeStates) }),
			edit:   editExpression, rate: 10, send: sendLongHeader, sendRate: 5,
		},
		{
			name: "regex-budget",
			// As many as the budget of a host allows; each reads the whole header.
			create: expressions(4, 300, func(i int) string { return fmt.Sprintf("x{0,%d}[ab]+c", i%50+1) }),
			edit:   editExpression, rate: 10, send: sendLongHeader, sendRate: 5,
		},
		{
			name: "regex-500k",
			create: expressions(20, 100, func(i int) string {
				return fmt.Sprintf("%d[0-9]+-[a-f]+", i) + strings.Repeat("z", 230)
			}),
			edit: editExpression, rate: 10, send: sendLongHeader, sendRate: 5,
		},
	}
}

// expressions makes roots with n routes each, with an expression for a header.
func expressions(roots, n int, text func(i int) string) func(context.Context, *tenant) error {
	return func(ctx context.Context, t *tenant) error {
		for r := range roots {
			routes := append(each(n, func(i int) any {
				return route(object{"header": object{"name": "x-a", "regex": text(r*n + i)}}, object{"prefix": "/"})
			}), any(route(object{"prefix": "/"})))
			if err := t.root(ctx, fmt.Sprintf("p%d", r), object{"routes": routes}); err != nil {
				return err
			}
		}
		return nil
	}
}

func editExpression(ctx context.Context, t *tenant, i int) error {
	return t.replace(ctx, httpProxies, "p0", "/spec/routes/0/conditions/0/header/regex", fmt.Sprintf("%d[ab]+", i))
}

// sendLongHeader sends a request with a header that no state of the automaton remembers.
func sendLongHeader(ctx context.Context, t *tenant, i int) string {
	return t.request(ctx, traffic.Request{Host: t.host("p0"), Headers: http.Header{"X-A": {restless(longHeader, uint32(i))}}})
}

// restless is n times a or b, in an order that does not repeat.
func restless(n int, seed uint32) string {
	text := make([]byte, n)
	for i := range text {
		seed = seed*1664525 + 1013904223
		text[i] = 'a' + byte(seed>>31)
	}
	return string(text)
}

// hostileTimeout bounds a request of a hostile client.
const hostileTimeout = 5 * time.Second

// request sends one over a connection of its own, and returns the kind of its answer.
func (t *tenant) request(ctx context.Context, r traffic.Request) string {
	r.Timeout = hostileTimeout
	a, err := traffic.Client{HTTP: t.bench.target.HTTP, HTTPS: t.bench.target.HTTPS}.Do(ctx, r)
	switch {
	case ctx.Err() != nil:
		return "ended"
	case err != nil:
		return "error"
	}
	return strconv.Itoa(a.Status)
}

const (
	// programSize is the value of Envoy's runtime above which it rejects the program of an expression.
	programSize = "re2.max_program_size.error_level"
	// strictSize is lower than what the controller admits.
	strictSize = 300
	good       = "[a-z]{3}"
	bad        = "[a-z]{500}"
	rejections = 20
)

// rejectionAttacks are objects that the controller admits and Envoy rejects: its runtime is stricter than the controller assumes.
func rejectionAttacks() []attack {
	create := func(expression string) func(ctx context.Context, t *tenant) error {
		return func(ctx context.Context, t *tenant) error {
			if err := t.limitPrograms(ctx, strconv.Itoa(strictSize)); err != nil {
				return err
			}
			return expressions(rejections, 2, func(i int) string { return fmt.Sprintf("x{%d}%s", i%2+1, expression) })(ctx, t)
		}
	}
	flip := func(ctx context.Context, t *tenant, i int, expression string) error {
		return t.replace(ctx, httpProxies, fmt.Sprintf("p%d", i%rejections), "/spec/routes/0/conditions/0/header/regex", expression)
	}
	restore := func(ctx context.Context, t *tenant) error { return t.limitPrograms(ctx, "") }
	return []attack{
		{
			name: "rejected", create: create(bad),
			edit: func(ctx context.Context, t *tenant, i int) error {
				return flip(ctx, t, i, fmt.Sprintf("y%d%s", i, bad))
			}, rate: 5, after: restore,
		},
		{
			name: "flips", create: create(good),
			edit: func(ctx context.Context, t *tenant, i int) error {
				return flip(ctx, t, i/3, []string{bad, good, bad}[i%3])
			}, rate: 10, after: restore,
		},
	}
}

// limitPrograms sets the size of a program above which Envoy rejects an expression; empty restores that of the bootstrap. Without
// Envoy's admin endpoint nothing is rejected.
func (t *tenant) limitPrograms(ctx context.Context, size string) error {
	admin := t.bench.target.Admin
	if admin == nil {
		return nil
	}
	if _, err := admin.Post(ctx, "/runtime_modify?"+programSize+"="+size); err != nil {
		return fmt.Errorf("runtime of Envoy: %w", err)
	}
	body, err := admin.Get(ctx, "/runtime")
	if err != nil {
		return fmt.Errorf("runtime of Envoy: %w", err)
	}
	var runtime struct {
		Entries map[string]struct {
			Value string `json:"final_value"`
		} `json:"entries"`
	}
	if err := json.Unmarshal(body, &runtime); err != nil {
		return fmt.Errorf("runtime of Envoy: %w", err)
	}
	if got := runtime.Entries[programSize].Value; size != "" && got != size {
		return fmt.Errorf("runtime of Envoy: %s is %s, want %s", programSize, got, size)
	}
	return nil
}
