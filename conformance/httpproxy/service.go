package httpproxy

import "contour.example/conformance/suite"

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
				shares(t, map[string]float64{"one": 50, "two": 50})
			},
		},
		{
			Name:     "httpproxy/weights-all-zero",
			Sentence: "Services that all have weight 0 get equal shares.",
			Features: core(service),
			Backends: backends("one", "two"),
			Run: func(t *suite.T) {
				shares(t, map[string]float64{"one": 50, "two": 50})
			},
		},
		{
			Name:     "httpproxy/one-service-missing",
			Sentence: "Of two Services of a route, the existing one gets the share of the missing one.",
			Features: core(service),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				shares(t, map[string]float64{"shop": 100})
				invalid(t, "a", "ServiceError", "ServiceUnresolvedReference")
			},
		},
	}
}

func weights(t *suite.T) { shares(t, map[string]float64{"many": 75, "few": 25}) }

// shares is sharesOf for requests to the host a.
func shares(t *suite.T, want map[string]float64) { t.Shares("http://a.${DOMAIN}/", want) }
