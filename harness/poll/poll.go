// Package poll waits until a condition of a system under test is true.
//
// It takes a condition, which observes the system once, and returns nil, or an
// error that contains the last observation. "Not yet" and "never" are different
// results: the first is an observation, the second an error, which ends the wait immediately.
package poll

import (
	"context"
	"fmt"
	"time"
)

// Interval is the pause between two observations.
const Interval = 20 * time.Millisecond

// Condition observes the system once. done ends the wait; an error ends it too, as a permanent
// failure. The observation describes, for the error message, what was observed instead.
type Condition func(ctx context.Context) (done bool, observation string, err error)

// Until calls the condition repeatedly until done, an error, or the timeout. The error
// of a timeout contains what was waited for and what was observed last.
func Until(ctx context.Context, timeout time.Duration, what string, condition Condition) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("timed out after %s", timeout))
	defer cancel()
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	last := "nothing yet"
	for {
		done, observation, err := condition(ctx)
		if done && err == nil {
			return nil
		}
		if ctx.Err() == nil && err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if ctx.Err() == nil {
			last = observation
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; last seen: %s", what, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}
