package load

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// maxKinds bounds the number of different failures and backends.
	maxKinds = 50
	// maxSamples bounds the failures that are kept as text.
	maxSamples = 10
)

// Report is the result of a load.
type Report struct {
	// Sent is the requests that have received an answer or an error; OK those whose check succeeded.
	Sent, OK int
	// NotSent is the requests that were due while too many were in flight.
	NotSent int
	// Failures counts by kind.
	Failures map[string]int
	// Backends counts answers by the service that sent them, failures included; "" is the proxy itself.
	Backends map[string]int
	// Samples are the first failures.
	Samples []string
	// Elapsed is from the first request to the last answer.
	Elapsed time.Duration

	latency histogram
}

// Failed is how many requests failed.
func (r Report) Failed() int { return r.Sent - r.OK }

// Lossless reports whether at least n requests were sent and each that was due got the right answer. An answer that comes after
// the timeout of the request is a failure.
func (r Report) Lossless(n int) bool { return r.OK >= n && r.Failed() == 0 && r.NotSent == 0 }

// Latency is the quantile q (0 to 1) of the latency of answers, within 2 %.
func (r Report) Latency(q float64) time.Duration { return r.latency.quantile(q) }

// String is a few lines for logs.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %s: %d ok, %d failed, %d not sent; latency p50 %s, p90 %s, p99 %s, max %s",
		r.Sent, r.Elapsed.Round(time.Millisecond), r.OK, r.Failed(), r.NotSent,
		r.Latency(0.5), r.Latency(0.9), r.Latency(0.99), r.Latency(1))
	for _, kind := range slices.Sorted(maps.Keys(r.Failures)) {
		fmt.Fprintf(&b, "\n  %s: %d", kind, r.Failures[kind])
	}
	for _, s := range r.Samples {
		fmt.Fprintf(&b, "\n  %s", s)
	}
	return b.String()
}

// count counts a request; kind is how it failed, or "".
func (r *Report) count(kind string, sample func() string) {
	r.Sent++
	if kind == "" {
		r.OK++
		return
	}
	countBounded(r.Failures, kind)
	if len(r.Samples) < maxSamples {
		r.Samples = append(r.Samples, sample())
	}
}

func countBounded(counts map[string]int, kind string) {
	if _, known := counts[kind]; !known && len(counts) >= maxKinds {
		kind = "other"
	}
	counts[kind]++
}

// histogram counts durations in buckets that grow by 2 % each, from 1 microsecond to
// more than a minute.
type histogram struct {
	buckets [1000]int
	count   int
	max     time.Duration
}

const growth = 1.02

func (h *histogram) add(d time.Duration) {
	i := int(math.Log(max(1, float64(d)/float64(time.Microsecond))) / math.Log(growth))
	h.buckets[min(i, len(h.buckets)-1)]++
	h.count++
	h.max = max(h.max, d)
}

// quantile is the upper end of the bucket that the quantile is in.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int(math.Ceil(q * float64(h.count)))
	seen := 0
	for i, n := range h.buckets {
		seen += n
		if n > 0 && seen >= rank {
			end := time.Duration(math.Pow(growth, float64(i+1)) * float64(time.Microsecond))
			return min(end, h.max).Round(time.Microsecond)
		}
	}
	return 0
}
