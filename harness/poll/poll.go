// Package poll waits for something to become true in a system that is being tested.
//
// In goes a function that looks once and says what it saw; out comes nil, or an
// error that holds the last observation. "Not yet" and "never" are different
// answers: the first is an observation, the second an error, which ends the wait at once.
package poll

import (
	"context"
	"fmt"
	"time"
)

// Interval is the pause between two looks.
const Interval = 20 * time.Millisecond

// Look looks once. done ends the wait; an error ends it too, as a failure that
// waiting cannot mend. The observation says, for a person, what is there instead.
type Look func(ctx context.Context) (done bool, observation string, err error)

// Until looks again and again until done, an error, or the timeout. The error
// of a timeout names what was waited for and what was seen last.
func Until(ctx context.Context, timeout time.Duration, what string, look Look) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("timed out after %s", timeout))
	defer cancel()
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	last := "nothing yet"
	for {
		done, observation, err := look(ctx)
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
