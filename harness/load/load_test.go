package load

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/backend"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

func serve(t *testing.T) (*backend.Server, traffic.Client) {
	t.Helper()
	s, err := backend.HTTP(backend.Options{Service: "shop", Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, traffic.Client{HTTP: s.Address().String()}
}

func TestRateAndCounts(t *testing.T) {
	t.Parallel()
	s, c := serve(t)
	r := Run(t.Context(), Options{Client: c, Request: traffic.Request{Host: "a"}, Rate: 200, Duration: 500 * time.Millisecond})
	if r.Sent != 100 || r.OK != 100 || r.NotSent != 0 || s.Requests() != 100 {
		t.Errorf("want 100 requests, all ok; the backend has got %d; report:\n%s", s.Requests(), r)
	}
	if diff := cmp.Diff(map[string]int{"shop": 100}, r.Backends); diff != "" {
		t.Errorf("backends (-want +got):\n%s", diff)
	}
	if r.Latency(0.5) <= 0 || r.Latency(0.5) > r.Latency(1) {
		t.Errorf("p50 %s, max %s", r.Latency(0.5), r.Latency(1))
	}
}

func TestFailuresAreCountedByKind(t *testing.T) {
	t.Parallel()
	_, c := serve(t)
	request := traffic.Request{Host: "a", Headers: http.Header{backend.StatusHeader: {"503"}}}
	r := Run(t.Context(), Options{Client: c, Request: request, Rate: 100, Duration: 200 * time.Millisecond})
	if diff := cmp.Diff(map[string]int{"status 503": 20}, r.Failures); diff != "" || r.Failed() != 20 {
		t.Errorf("failed %d, failures (-want +got):\n%s", r.Failed(), diff)
	}
	if len(r.Samples) != maxSamples {
		t.Errorf("%d samples, want %d", len(r.Samples), maxSamples)
	}
}

// A function that sends is called for each request that is due, and its failures are counted by kind.
func TestSend(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	r := Run(t.Context(), Options{Rate: 200, Duration: 200 * time.Millisecond, Send: func(context.Context) (time.Duration, string) {
		if sent.Add(1)%4 == 0 {
			return time.Millisecond, "each fourth"
		}
		return time.Millisecond, ""
	}})
	if diff := cmp.Diff(map[string]int{"each fourth": 10}, r.Failures); diff != "" || r.Sent != 40 || r.OK != 30 || sent.Load() != 40 {
		t.Errorf("%d were sent; %s\n%s", sent.Load(), diff, r)
	}
	if len(r.Samples) != maxSamples || !strings.HasSuffix(r.Samples[0], ": each fourth") || r.Latency(0.5) != time.Millisecond {
		t.Errorf("p50 %s, samples %v", r.Latency(0.5), r.Samples)
	}
}

// A backend that closes its connections makes requests fail: the client must not hide that by sending them again.
func TestCutConnectionsAreFailures(t *testing.T) {
	t.Parallel()
	s, c := serve(t)
	request := traffic.Request{Host: "a", Headers: http.Header{backend.DelayHeader: {"1h"}}}
	l := Start(t.Context(), Options{Client: c, Request: request, Rate: 1000, MaxInFlight: 5})
	err := poll.Until(t.Context(), 10*time.Second, "5 requests in flight and others that wait", func(context.Context) (bool, string, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return s.Requests() == 5 && l.report.NotSent > 0, fmt.Sprintf("%d in flight", s.Requests()), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l.cancel()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := l.Stop()
	if r.Failed() < 5 || r.OK != 0 || r.NotSent == 0 {
		t.Errorf("want at least 5 failures, nothing ok, some not sent:\n%s", r)
	}
	if r.Failures["connection closed"]+r.Failures["connection reset"] < 5 {
		t.Errorf("kinds are %v, want connections closed or reset", r.Failures)
	}
}

// Each kind of loss is one: a failure, a request that was due and not sent, and no load at all.
func TestLossless(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		report Report
		want   bool
	}{
		"all":      {Report{Sent: 10, OK: 10}, true},
		"failed":   {Report{Sent: 11, OK: 10}, false},
		"not sent": {Report{Sent: 10, OK: 10, NotSent: 1}, false},
		"too few":  {Report{Sent: 9, OK: 9}, false},
	} {
		if c.report.Lossless(10) != c.want {
			t.Errorf("%s: want %t", name, c.want)
		}
	}
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	s, c := serve(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := Run(t.Context(), Options{Client: c, Request: traffic.Request{Host: "a"}, Rate: 100, Duration: 100 * time.Millisecond})
	if diff := cmp.Diff(map[string]int{"connection refused": 10}, r.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		got := h.quantile(q)
		if off := float64(got-want) / float64(want); off < 0 || off > growth-1 {
			t.Errorf("quantile %v is %s, want %s within 2 %%", q, got, want)
		}
	}
}

func TestKindsAreBounded(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for i := range 3 * maxKinds {
		countBounded(counts, time.Duration(i).String())
	}
	if len(counts) > maxKinds+1 {
		t.Errorf("%d kinds, want at most %d", len(counts), maxKinds+1)
	}
}
