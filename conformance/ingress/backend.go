package ingress

import (
	"context"
	"fmt"

	"contour.example/conformance/suite"
)

func backendTests() []suite.Test {
	return []suite.Test{
		{
			Name:     "ingress/load-balancing",
			Sentence: "Requests reach each of the ten endpoints of a Service.",
			Features: core(service),
			Backends: []suite.Backend{{Name: "shop", Endpoints: 10}},
			Run:      reachAll,
		},
		{
			Name:     "ingress/service-port",
			Sentence: "The port of a Service is found by number and by name.",
			Features: core(service),
			Backends: []suite.Backend{{Name: "shop", Port: 8080, PortName: "web"}},
			Run: func(t *suite.T) {
				expect(t, route{"/number", "shop"}, route{"/name", "shop"})
			},
		},
		{
			Name:     "ingress/missing-service",
			Sentence: "A path to a missing Service is an error and affects no other path; it serves once the Service exists.",
			Features: core(service),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				expect(t, route{"/shop", "shop"})
				t.Get("http://a.${DOMAIN}/late", suite.Error)
				t.StartBackend(suite.Backend{Name: "late"})
				expect(t, route{"/late", "late"})
				expect(t, route{"/shop", "shop"})
			},
		},
		{
			Name:        "ingress/missing-service-keeps-its-path",
			Sentence:    "A path to a missing Service answers 503, also where a shorter path would match.",
			Features:    core(service),
			Improvement: "Kubernetes does not specify what such a path does; with Contour the shorter one answers.",
			Backends:    backends("shop"),
			Run: func(t *suite.T) {
				expect(t, route{"/", "shop"})
				t.Get("http://a.${DOMAIN}/late", suite.Status(503))
			},
		},
	}
}

func reachAll(t *suite.T) {
	const endpoints = 10
	t.Eventually("an answer of each endpoint", func(ctx context.Context) string {
		answers, err := t.Answers(ctx, suite.Request{URL: "http://a.${DOMAIN}/"}, 10*endpoints)
		if err != nil {
			return err.Error()
		}
		got := map[string]int{}
		for _, a := range answers {
			if a.Echo == nil {
				return a.String()
			}
			got[a.Echo.Instance]++
		}
		if len(got) != endpoints {
			return fmt.Sprintf("%d endpoints answered, want %d: %v", len(got), endpoints, got)
		}
		return ""
	})
}
