package issuer

import (
	"context"
	"math/rand/v2"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
)

// The bounds of the times of requests.
const (
	maxTimeout = 30 * time.Second
	minRefresh = 10 * time.Second
	maxRefresh = 12 * time.Hour
)

// Back-off after failures: the delay doubles up to the maximum, or up to the refresh interval if that is shorter. Without
// keys, routes are closed and users wait.
const (
	minBackoff        = 500 * time.Millisecond
	maxBackoff        = time.Minute
	maxBackoffMissing = 10 * time.Second
)

// fewFailures is how many failures in a row are not reported while there are keys: a lost packet changes no status.
const fewFailures = 2

// document is a key set that is fetched. Its fields are guarded by the lock of the Fetcher.
type document struct {
	key    documentKey
	ca     []byte // PEM
	owners map[jwks.Owner]*owner
	cancel context.CancelFunc // nil while it waits for the limits

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
func (f *Fetcher) follow(ctx context.Context, d *document, s *space) {
	for f.attempt(ctx, d, s) {
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
func (f *Fetcher) attempt(ctx context.Context, d *document, s *space) bool {
	for _, slots := range []chan struct{}{s.attempts, f.total} {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return false
		}
	}
	limited, cancel := context.WithTimeout(ctx, min(d.key.request.Timeout, maxTimeout))
	defer cancel()
	keys, result := f.fetch(limited, d.key.request, d.ca)
	if ctx.Err() != nil {
		return false
	}
	f.record(d, keys, result)
	if f.options.Observe != nil {
		f.options.Observe(result.name)
	}
	return true
}

// record notes the outcome of an attempt and passes it on to the owners.
func (f *Fetcher) record(d *document, keys ir.KeySet, result outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
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
	for name, o := range d.owners {
		f.pass(name, o)
	}
	f.signal()
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
