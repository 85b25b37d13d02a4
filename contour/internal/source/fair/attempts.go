package fair

import (
	"context"
	"time"
)

// Outcome is that of an attempt.
type Outcome int

// The outcomes.
const (
	Failed   Outcome = iota
	Answered         // successfully
	TimedOut         // no answer in time
)

// Attempts are those of one value. They are made one after the other.
type Attempts struct {
	known, new, slow, allQuick, allSlow chan struct{}

	answered bool // an attempt has
	late     bool // the last one took more than the time of quick ones
}

// Attempts returns the attempts of the value of a place, as if there had been none.
func (l *Place[T]) Attempts() *Attempts {
	p, of := l.pool, l.space
	return &Attempts{known: of.known, new: of.new, slow: of.slow, allQuick: p.quick, allSlow: p.slow}
}

// Do makes an attempt with the time of quick ones, when there is a slot for it. If that was not enough, it makes another one
// with the time of slow ones in their slots. If the one before took longer than quick, there is only a slow attempt.
// The context of an attempt ends with its time. Do reports false if ctx has ended.
func (a *Attempts) Do(ctx context.Context, quick, slow time.Duration, attempt func(context.Context) Outcome) bool {
	slots := a.new
	if a.answered {
		slots = a.known
	}
	o := TimedOut
	if !a.late {
		o, _ = inSlots(ctx, quick, slots, a.allQuick, attempt)
		a.late = o == TimedOut
	}
	if a.late && slow > 0 {
		var took time.Duration
		o, took = inSlots(ctx, slow, a.slow, a.allSlow, attempt)
		a.late = took >= quick
	}
	a.answered = a.answered || o == Answered
	return ctx.Err() == nil
}

// inSlots makes an attempt when there is a slot of each kind: first of those of the namespace, so that in the queue for the
// others each namespace has no more than its own.
func inSlots(ctx context.Context, limit time.Duration, each, all chan struct{}, attempt func(context.Context) Outcome) (o Outcome, took time.Duration) {
	for _, slots := range []chan struct{}{each, all} {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return Failed, 0
		}
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	o = attempt(limited)
	return o, time.Since(began)
}
