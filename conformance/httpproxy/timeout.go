package httpproxy

import "contour.example/conformance/suite"

// timeouts are tests of timeouts.
func timeouts() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/response-timeout",
			Sentence: "An answer that takes longer than the response timeout of its route is a 504.",
			Features: extended(timeout),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				slow := map[string]string{"X-Echo-Delay": "3s"}
				t.Get("http://a.${DOMAIN}/short", suite.From("shop"))
				t.Send(suite.Request{URL: "http://a.${DOMAIN}/short", Headers: slow}, suite.Status(504))
				t.Send(suite.Request{URL: "http://a.${DOMAIN}/never", Headers: slow}, suite.From("shop"))
			},
		},
		{
			Name:     "httpproxy/idle-timeout",
			Sentence: "An answer that does not begin within the idle timeout of its route is a 504.",
			Features: extended(timeout),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				slow := map[string]string{"X-Echo-Delay": "3s"}
				t.Get("http://a.${DOMAIN}/short", suite.From("shop"))
				t.Send(suite.Request{URL: "http://a.${DOMAIN}/short", Headers: slow}, suite.Status(504))
				t.Send(suite.Request{URL: "http://a.${DOMAIN}/never", Headers: slow}, suite.From("shop"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/idle-connection",
			Sentence: "Connections to a Service are used again, unless they were idle for longer than the timeout of the route for that.",
			Features: extended(timeout),
			Backends: backends("shop", "brief"),
			Run: func(t *suite.T) {
				t.Reused("http://a.${DOMAIN}/", true)
				t.Reused("http://a.${DOMAIN}/brief", false)
				valid(t, "a")
			},
		},
	}
}

// retries are tests of failed requests.
func retries() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/retries",
			Sentence: "A failed request is retried as often as the retry policy specifies: once without a count.",
			Features: extended(retry),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				for _, c := range []struct {
					path, failures string
					status         int
				}{
					{"/without", "1", 503},
					{"/twice", "2", 200},
					{"/twice", "3", 503},
					{"/once", "1", 200},
					{"/once", "2", 503},
					{"/other-failures", "1", 503},
					{"/listed", "2", 200},
					{"/unlisted", "1", 503},
				} {
					t.Send(suite.Request{
						URL: "http://a.${DOMAIN}" + c.path, Headers: map[string]string{"X-Echo-Fail": c.failures + " " + suite.Unique},
					}, suite.Status(c.status))
				}
				valid(t, "a")
			},
		},
		{
			Name:        "httpproxy/retries-never",
			Sentence:    "With a count of -1 a failed request is not retried.",
			Features:    extended(retry),
			Improvement: "It is documented, but Contour v1.33 retries it once.",
			Backends:    backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"))
				t.Send(suite.Request{
					URL: "http://a.${DOMAIN}/", Headers: map[string]string{"X-Echo-Fail": "1 " + suite.Unique},
				}, suite.Status(503))
			},
		},
		{
			Name:     "httpproxy/per-try-timeout",
			Sentence: "An attempt that takes longer than the per-try timeout is cancelled, and the answer is a 504 when no attempt is left.",
			Features: extended(retry),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"))
				slow := map[string]string{"X-Echo-Delay": "3s"}
				t.Send(suite.Request{URL: "http://a.${DOMAIN}/", Headers: slow}, suite.Status(504))
				valid(t, "a")
			},
		},
	}
}
