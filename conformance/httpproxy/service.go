package httpproxy

import (
	"context"
	"fmt"

	"contour.example/conformance/suite"
)

func services() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/weighted-services",
			Sentence: "Requests are distributed over the Services of a route by weight; a Service of weight 0 gets none.",
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
			Name:     "httpproxy/weights-all-zero",
			Sentence: "Services that all have weight 0 get equal shares.",
			Features: core(service),
			Backends: backends("one", "two"),
			Run: func(t *suite.T) {
				shares(t, 100, map[string]share{"one": {30, 70}, "two": {30, 70}})
			},
		},
		{
			Name:     "httpproxy/one-service-missing",
			Sentence: "Of two Services of a route, the existing one gets the share of the missing one.",
			Features: core(service),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				shares(t, 20, map[string]share{"shop": {20, 20}})
				invalid(t, "a", "ServiceError", "ServiceUnresolvedReference")
			},
		},
	}
}

func weights(t *suite.T) {
	// 75 are expected of many, with a standard deviation of 4.3.
	shares(t, 100, map[string]share{"many": {55, 95}, "few": {5, 45}})
}

// share is the least and the greatest number of requests that a backend may get.
type share struct{ from, to int }

// shares is sharesOf for requests to the host a.
func shares(t *suite.T, n int, want map[string]share) { sharesOf(t, "http://a.${DOMAIN}/", n, want) }

// sharesOf waits until n requests are distributed as expected; a backend that is not named gets none.
func sharesOf(t *suite.T, url string, n int, want map[string]share) {
	t.Eventually("shares of the backends", func(ctx context.Context) string {
		answers, err := t.Answers(ctx, suite.Request{URL: url}, n)
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
