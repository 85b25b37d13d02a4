package drain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Envoy is what a drain needs of one; Admin is the implementation.
type Envoy interface {
	// Fail makes the readiness fail. From then on Envoy closes connections of HTTP clients with its answers.
	Fail(context.Context) error
	// Open is the number of connections of clients.
	Open(context.Context) (int, error)
	// Close closes the listeners. Connections that are open stay open.
	Close(context.Context) error
}

// Options are the delays and bounds of a drain.
type Options struct {
	// Delay passes before anything else.
	Delay time.Duration
	// CheckDelay passes between the failing readiness and the first count of the connections. During it load balancers
	// observe the readiness: an Envoy without connections may still get new ones.
	CheckDelay time.Duration
	// Interval is the time between two counts.
	Interval time.Duration
	// MinOpen is the number of connections that may remain.
	MinOpen int
	// Timeout bounds all of the above together.
	Timeout time.Duration
	// Observe, if not nil, is called with the number of open connections after each count, or with the error.
	Observe func(open int, err error)
}

// Result is the result of a drain.
type Result struct {
	// Open is the number of connections at the last count.
	Open int
	// Late means that the timeout was reached before there were few enough.
	Late bool
}

// The bounds of attempts.
const (
	failAttempts  = 4 // to make the readiness fail
	countAttempts = 3 // to count the connections, in a row
	retryAfter    = 200 * time.Millisecond
	retryFactor   = 5
)

// errTimeout is the cause for which the context of a drain ends.
var errTimeout = errors.New("timeout of the drain")

// Run drains the Envoy and returns when it may be stopped. That is also so if there is an error: an Envoy
// that does not answer has most likely exited already.
func Run(ctx context.Context, e Envoy, o Options) (Result, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
	defer cancel()
	var r Result
	err := o.run(bounded, e, &r)
	if err != nil && errors.Is(context.Cause(bounded), errTimeout) {
		r.Late = true
		return r, e.Close(ctx)
	}
	return r, err
}

func (o Options) run(ctx context.Context, e Envoy, r *Result) error {
	if err := wait(ctx, o.Delay); err != nil {
		return err
	}
	if err := fail(ctx, e); err != nil {
		return err
	}
	if err := wait(ctx, o.CheckDelay); err != nil {
		return err
	}
	if err := o.untilFew(ctx, e, r); err != nil {
		return err
	}
	if err := e.Close(ctx); err != nil {
		return fmt.Errorf("listeners: %w", err)
	}
	return o.untilFew(ctx, e, r) // some may have been accepted before the listeners closed
}

// untilFew counts until few enough connections are open.
func (o Options) untilFew(ctx context.Context, e Envoy, r *Result) error {
	for failed := 0; ; {
		open, err := e.Open(ctx)
		o.observe(open, err)
		if err == nil {
			failed, r.Open = 0, open
		} else if failed++; failed == countAttempts {
			return fmt.Errorf("open connections: %w", err)
		}
		if err == nil && open <= o.MinOpen {
			return nil
		}
		if err := wait(ctx, o.Interval); err != nil {
			return err
		}
	}
}

func (o Options) observe(open int, err error) {
	if o.Observe != nil {
		o.Observe(open, err)
	}
}

// fail makes the readiness fail, in several attempts: without it no load balancer observes the drain.
func fail(ctx context.Context, e Envoy) error {
	pause := retryAfter
	for attempt := 1; ; attempt++ {
		err := e.Fail(ctx)
		if err == nil {
			return nil
		}
		if attempt == failAttempts {
			return fmt.Errorf("readiness: %w", err)
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
		pause *= retryFactor
	}
}

// wait waits; the error is that of the context.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
