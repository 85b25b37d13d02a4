package suite

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
)

const (
	// sampleSize is the number of requests of which the shares of backends are counted.
	sampleSize = 1000
	// tolerance of a share, in points of a hundred: at worst 3.2 standard deviations of a share in a sample.
	tolerance = 5
	// samples bounds the attempts. A wrong distribution passes none; of three, a right one fails all in less than one run of
	// ten million.
	samples = 3
)

// Shares waits until all backends of want and no others answer requests to the URL, and then requires that their shares,
// in per cent, are as wanted within five points. Each request has a connection of its own.
func (t *T) Shares(url string, want map[string]float64) {
	t.reach(url, slices.Collect(maps.Keys(want)))
	var wrong string
	for range samples {
		if t.err != nil {
			return
		}
		got, err := t.count(t.ctx, url, sampleSize)
		if err != nil {
			t.Failf("shares of the backends: %w", err)
			return
		}
		if wrong = wrongShares(got, sampleSize, want); wrong == "" {
			return
		}
	}
	t.Failf("shares of the backends: %s, in the last of %d samples", wrong, samples)
}

// reach waits until requests reach the backends and no others.
func (t *T) reach(url string, backends []string) {
	slices.Sort(backends)
	t.Eventually("answers of the backends", func(ctx context.Context) string {
		const few = 50
		got, err := t.count(ctx, url, few)
		if err != nil {
			return err.Error()
		}
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, backends) {
			return fmt.Sprintf("backends %q answer, want %q", names, backends)
		}
		return ""
	})
}

// count sends n requests and returns the number of answers of each backend.
func (t *T) count(ctx context.Context, url string, n int) (map[string]int, error) {
	answers, err := t.Answers(ctx, Request{URL: url}, n)
	got := map[string]int{}
	for _, a := range answers {
		got[a.Backend()]++
	}
	return got, err
}

// wrongShares returns what is wrong with the numbers of answers out of n, or "".
func wrongShares(got map[string]int, n int, want map[string]float64) string {
	for name, count := range got {
		if share := 100 * float64(count) / float64(n); math.Abs(share-want[name]) > tolerance || want[name] == 0 {
			return fmt.Sprintf("%q answered %.1f %% of %d requests, want %.0f %%", name, share, n, want[name])
		}
	}
	for name := range want {
		if got[name] == 0 {
			return fmt.Sprintf("%q answered none of %d requests", name, n)
		}
	}
	return ""
}
