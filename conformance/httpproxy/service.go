package httpproxy

import (
	"context"
	"fmt"

	"contour.example/conformance/suite"
	"contour.example/harness/traffic"
)

func services() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/weighted-services",
			Sentence: "Requests are divided among the Services of a route by weight; a Service of weight 0 gets none.",
			Features: core(service),
			Backends: backends("many", "few", "none"),
			Run:      weights,
		},
		{
			Name:     "httpproxy/several-services",
			Sentence: "Services without weights get equal shares.",
			Features: core(service),
			Backends: backends("one", "two"),
			Run: func(t *suite.T) {
				shares(t, 100, map[string]share{"one": {30, 70}, "two": {30, 70}})
			},
		},
		{
			Name:     "httpproxy/upstream-h2c",
			Sentence: "A Service of protocol h2c is spoken to in HTTP/2 without TLS, another one in HTTP/1.1.",
			Features: extended(protocol),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"), sentProtocol("HTTP/1.1"))
				t.Get("http://a.${DOMAIN}/h2c", suite.From("shop"), sentProtocol("HTTP/2.0"))
			},
		},
	}
}

func weights(t *suite.T) {
	// 75 are expected of many, with a standard deviation of 4.3.
	shares(t, 100, map[string]share{"many": {55, 95}, "few": {5, 45}})
}

// share is how many requests a backend may get, at least and at most.
type share struct{ from, to int }

// shares waits until n requests are divided as wanted; a backend that is not named gets none.
func shares(t *suite.T, n int, want map[string]share) {
	t.Eventually("shares of the backends", func(ctx context.Context) string {
		answers, err := t.Answers(ctx, suite.Request{URL: "http://a.${DOMAIN}/"}, n)
		if err != nil {
			return err.Error()
		}
		got := map[string]int{}
		for _, a := range answers {
			got[a.Backend()]++
		}
		for name, count := range got {
			if s := want[name]; count < s.from || count > s.to {
				return fmt.Sprintf("backend %q got %d of %d, want %d to %d", name, count, n, s.from, s.to)
			}
		}
		if len(got) != len(want) {
			return fmt.Sprintf("requests went to %v, want %v", got, want)
		}
		return ""
	})
}

func sentProtocol(want string) suite.Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Proto != want {
			return fmt.Sprintf("%s, which was spoken to in %+v, want %s", a, a.Echo, want)
		}
		return ""
	}
}
