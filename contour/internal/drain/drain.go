package drain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Envoy is what a drain needs of one; Admin is a real one.
type Envoy interface {
	// Fail makes the readiness fail. From then on Envoy asks HTTP clients to leave with every answer.
	Fail(context.Context) error
	// Open is the number of connections of clients.
	Open(context.Context) (int, error)
	// Close closes the listeners. Connections that are open stay so.
	Close(context.Context) error
}

// Options say how long to wait for what.
type Options struct {
	// Delay passes before anything happens.
	Delay time.Duration
	// CheckDelay passes between the failing readiness and the first look at the connections. It is for those who
	// send new connections to learn of it: an Envoy without any just now may get some.
	CheckDelay time.Duration
	// Interval is between two looks.
	Interval time.Duration
	// MinOpen is how many connections may be left.
	MinOpen int
	// Limit bounds all of the above together.
	Limit time.Duration
	// Observe, if not nil, is told the number of open connections after each look, or why there is none.
	Observe func(open int, err error)
}

// Result is how a drain ended.
type Result struct {
	// Open is the number of connections when they were last looked at.
	Open int
	// Late says that the limit was reached before there were few enough.
	Late bool
}

// The bounds of attempts.
const (
	failAttempts = 4 // at the readiness
	lookAttempts = 3 // at the connections, in a row
	retryAfter   = 200 * time.Millisecond
	retryFactor  = 5
)

// errLimit is the cause for which the context of a drain ends.
var errLimit = errors.New("limit of the drain")

// Run drains the Envoy and returns when it may be stopped. Any error means that too, for what cannot be asked need
// not be waited for: an Envoy that does not answer has most likely ended already.
func Run(ctx context.Context, e Envoy, o Options) (Result, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, o.Limit, errLimit)
	defer cancel()
	var r Result
	err := o.run(bounded, e, &r)
	if err != nil && errors.Is(context.Cause(bounded), errLimit) {
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
	return o.untilFew(ctx, e, r) // some may have come before the listeners closed
}

// untilFew looks until few enough connections are open.
func (o Options) untilFew(ctx context.Context, e Envoy, r *Result) error {
	for failed := 0; ; {
		open, err := e.Open(ctx)
		o.observe(open, err)
		if err == nil {
			failed, r.Open = 0, open
		} else if failed++; failed == lookAttempts {
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

// fail makes the readiness fail, in several attempts: without it nobody learns of the drain.
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
