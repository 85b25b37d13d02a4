package issuer

import (
	"context"
	"math/rand/v2"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/source/fair"
)

// The bounds of the times of requests.
const (
	quick      = time.Second // in which most answers come
	maxTimeout = 30 * time.Second
	minRefresh = 10 * time.Second
	maxRefresh = 12 * time.Hour
)

// Back-off after failures: the delay doubles up to the maximum, or up to the refresh interval if that is shorter. Without
// keys, routes are closed and users wait.
const (
	minBackoff        = 500 * time.Millisecond
	maxBackoff        = time.Minute
	maxBackoffMissing = time.Second
)

// fewFailures is how many failures in a row are not reported while there are keys: a lost packet changes no status.
const fewFailures = 2

// document is a key set that is fetched. Its fields are guarded by the lock of the Fetcher.
type document struct {
	key    documentKey
	ca     []byte // PEM
	owners map[jwks.Owner]*owner
	place  *fair.Place[*document]
	cancel context.CancelFunc // nil while it waits for the limits
	over   bool               // it waits because of them

	keys     ir.KeySet // the last good ones
	fetched  time.Time // when they were
	failures int       // in a row
	failure  jwks.Failure
}

// reported is the failure to report while there are keys.
func (d *document) reported() jwks.Failure {
	if d.failures <= fewFailures {
		return ""
	}
	return d.failure
}

// follow fetches the document again and again.
func (f *Fetcher) follow(ctx context.Context, d *document, attempts *fair.Attempts) {
	for f.attempt(ctx, d, attempts) {
		f.mu.Lock()
		delay := d.delay(rand.Float64()) //nolint:gosec // jitter
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
	}
}

// attempt fetches the document once, when the limits permit. It reports false if the context ended.
func (f *Fetcher) attempt(ctx context.Context, d *document, attempts *fair.Attempts) bool {
	var keys ir.KeySet
	var result outcome
	limit := min(d.key.request.Timeout, maxTimeout)
	if !attempts.Do(ctx, min(quick, limit), slow(limit), func(ctx context.Context) fair.Outcome {
		keys, result = f.fetch(ctx, d.key.request, d.ca)
		return result.attempt()
	}) {
		return false
	}
	if !f.record(ctx, d, keys, result) {
		return false
	}
	if f.options.Observe != nil {
		f.options.Observe(result.name)
	}
	return true
}

// slow is the time of an attempt that follows a quick one which was not enough: all of the limit, since the request begins
// anew; 0 if the limit is that of a quick one.
func slow(limit time.Duration) time.Duration {
	if limit <= quick {
		return 0
	}
	return limit
}

// record notes the outcome of an attempt and passes it on to the owners. It reports false if the attempts of the context have
// ended.
func (f *Fetcher) record(ctx context.Context, d *document, keys ir.KeySet, result outcome) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	if result.failure == "" {
		d.keys, d.fetched, d.failures, d.failure = keys, time.Now(), 0, ""
	} else {
		d.failures++
		d.failure = result.failure
		if n := d.failures; n&(n-1) == 0 {
			f.options.Log.Warn("key set cannot be fetched, retrying", "namespace", d.key.namespace, "uri", d.key.request.URI, "failures", n, "error", result.err)
		}
		if time.Since(d.fetched) >= maxAge {
			d.keys = ""
		}
	}
	delete(f.first, d)
	f.passAll(d)
	f.signal()
	return true
}

// delay is the time until the next attempt; jitter is between 0 and 1.
func (d *document) delay(jitter float64) time.Duration {
	refresh := min(max(d.key.request.Refresh, minRefresh), maxRefresh)
	if d.failures == 0 {
		return time.Duration(float64(refresh) * (1 - 0.15*jitter)) // replicas and providers do not ask at the same time
	}
	limit := min(maxBackoff, refresh)
	if d.keys == "" {
		limit = maxBackoffMissing
	}
	backoff := limit
	if n := d.failures - 1; n < 10 {
		backoff = min(minBackoff<<n, limit)
	}
	return time.Duration(float64(backoff) * (1 - 0.5*jitter))
}
