//go:build kind

package kind

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/traffic"
)

// flows are the loads of a host, by the type of client; rate is requests a second.
func (f *fixture) flows(host string) map[string]load.Options {
	verified := &traffic.TLS{Roots: f.ca.Pool()}
	return map[string]load.Options{
		"HTTP/1.1 on connections that stay": {Rate: 50, Request: traffic.Request{Host: host}},
		"HTTP/1.1 on new connections":       {Rate: 20, Request: traffic.Request{Host: host, Headers: http.Header{"Connection": {"close"}}}},
		"HTTPS on new connections":          {Rate: 10, Request: traffic.Request{Host: host, TLS: verified, Headers: http.Header{"Connection": {"close"}}}},
		"HTTP/2 over TLS":                   {Rate: 50, Request: traffic.Request{Host: host, TLS: verified, HTTP2: true}},
	}
}

// underLoad calls do while requests to the host are sent, none of which may fail.
func (f *fixture) underLoad(ctx context.Context, t *testing.T, host string, do func()) {
	t.Helper()
	loads := map[string]*load.Load{}
	for what, o := range f.flows(host) {
		o.Client, o.Check = f.at.traffic, fromBackend
		loads[what] = load.Start(ctx, o)
	}
	defer func() {
		t.Helper()
		for _, what := range slices.Sorted(maps.Keys(loads)) {
			report := loads[what].Stop()
			t.Logf("%s: %s", what, report)
			if report.Failed() > 0 || report.OK == 0 {
				t.Errorf("%s: %d of %d requests failed", what, report.Failed(), report.Sent)
			}
		}
	}()
	do()
}

// fromBackend requires an answer of a backend.
func fromBackend(a traffic.Answer) string {
	if a.Status != http.StatusOK || a.Backend() == "" {
		return fmt.Sprintf("status %d", a.Status)
	}
	return ""
}

// answered waits until all Envoys that serve the fixture answer the request as check requires.
func (f *fixture) answered(ctx context.Context, t *testing.T, request traffic.Request, check func(traffic.Answer) string) {
	t.Helper()
	f.at.answeredWithin(ctx, t, seen, request, check)
}

// answered waits until all its Envoys answer the request as check requires.
func (i *installation) answered(ctx context.Context, t *testing.T, request traffic.Request, check func(traffic.Answer) string) {
	t.Helper()
	i.answeredWithin(ctx, t, seen, request, check)
}

// answeredWithin is answered with a timeout. The load balancer chooses an Envoy for each request, so several in a row must succeed.
func (i *installation) answeredWithin(ctx context.Context, t *testing.T, timeout time.Duration, request traffic.Request, check func(traffic.Answer) string) {
	t.Helper()
	const enough = 12 // the probability that all are of one Envoy is below 1 in 2000
	inRow := 0
	_, err := i.traffic.Until(ctx, timeout, request, func(a traffic.Answer) string {
		if wrong := check(a); wrong != "" {
			inRow = 0
			return wrong
		}
		if inRow++; inRow < enough {
			return "as expected, but not often enough"
		}
		return ""
	})
	must(t, err)
}

// by is a check that requires the answer of one backend.
func by(service string) func(traffic.Answer) string {
	return func(a traffic.Answer) string {
		if a.Backend() != service {
			return a.String()
		}
		return ""
	}
}
