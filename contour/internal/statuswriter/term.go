package statuswriter

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"

	"contour.example/contour/internal/kobj"
)

// Back-off of a status or Event that could not be written, for each object on its own.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Minute
)

// Bounds of the Events written, in Events a second: they cost the API server as much as a status, and matter less.
const (
	eventRate  = 10
	eventBurst = 50
)

// writeTimeout bounds a request: a worker is not to wait for an answer that never comes.
const writeTimeout = 30 * time.Second

// term is one period of leading: the objects to look at.
type term struct {
	writer   *Writer
	statuses *schedule
	events   workqueue.TypedRateLimitingInterface[kobj.Key]
	limit    flowcontrol.RateLimiter
}

func newTerm(w *Writer) *term {
	return &term{
		writer: w, statuses: newSchedule(w.Workers, w.Now),
		events: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[kobj.Key](firstRetry, lastRetry)),
		limit:  flowcontrol.NewTokenBucketRateLimiter(eventRate, eventBurst),
	}
}

// add asks for a look at the status of an object and, for kinds that have them, its Events.
func (t *term) add(k kobj.Key, u urgency) {
	t.statuses.add(k, u)
	if of := t.writer.statusOf(k.Kind); of != nil && of.Events {
		t.events.Add(k)
	}
}

// run works until the context ends.
func (t *term) run(ctx context.Context) {
	var working sync.WaitGroup
	for range t.writer.Workers {
		working.Go(func() { t.writeStatuses(ctx) })
	}
	working.Go(func() { t.writeEvents(ctx) })
	<-ctx.Done()
	t.statuses.shutDown()
	t.events.ShutDown()
	working.Wait()
}

// writeStatuses looks at one object after the other.
func (t *term) writeStatuses(ctx context.Context) {
	for {
		k, ok := t.statuses.take()
		if !ok || ctx.Err() != nil {
			return
		}
		l := t.look(ctx, k)
		if ctx.Err() != nil {
			return // the request was cut short
		}
		t.writer.Observe(string(k.Kind), l.outcome, l.took)
		t.settle(ctx, k, l)
	}
}

// look is what came of a look at one object.
type look struct {
	outcome string
	took    time.Duration
	delay   time.Duration // positive: look again after it
	err     error         // why the outcome is a failure or conflict
}

func (t *term) look(ctx context.Context, k kobj.Key) look {
	start := t.writer.Now()
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	l := t.writer.write(ctx, k)
	l.took = t.writer.Now().Sub(start)
	return l
}

// settle says what becomes of an object after a look at it, and what was learnt of the API server.
func (t *term) settle(ctx context.Context, k kobj.Key, l look) {
	retryAfter, overloaded := overload(l.err)
	switch {
	case overloaded:
		if t.statuses.refused(k, retryAfter) {
			t.writer.Log.Warn("API server takes no writes, all statuses wait", "object", k, "error", l.err)
		}
	case l.err != nil:
		t.log(ctx, t.statuses.failures(k), k, "status write failed, trying again", l.err)
		t.statuses.failed(k, apierrors.IsConflict(l.err))
	default:
		if l.outcome == OutcomeSuccess {
			t.statuses.worked(l.took)
		}
		t.statuses.done(k, l.delay)
	}
}

// overload reports whether an error has nothing to do with the object: the API server has too much to do or is
// not there. The time is after how long it wants to be asked again, 0 if it does not say.
func overload(err error) (retryAfter time.Duration, yes bool) {
	var transport *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return 0, false // as where an admission webhook of that object does not answer
	case apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err):
		seconds, _ := apierrors.SuggestsClientDelay(err)
		return time.Duration(seconds) * time.Second, true
	default:
		return 0, errors.As(err, &transport)
	}
}

// writeEvents makes Events of one object after the other.
func (t *term) writeEvents(ctx context.Context) {
	for {
		k, shutdown := t.events.Get()
		if shutdown {
			return
		}
		if ctx.Err() == nil {
			t.event(ctx, k)
		}
		t.events.Done(k)
	}
}

func (t *term) event(ctx context.Context, k kobj.Key) {
	err := t.writer.tell(ctx, k, t.limit)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		t.log(ctx, t.events.NumRequeues(k), k, "event write failed, trying again", err)
		t.events.AddRateLimited(k)
	default:
		t.events.Forget(k)
	}
}

// log says once for each object that it could not be written: what keeps failing may concern thousands. That
// somebody else was faster is no news at all.
func (t *term) log(ctx context.Context, failures int, k kobj.Key, message string, err error) {
	level := slog.LevelDebug
	if failures == 0 && !apierrors.IsConflict(err) {
		level = slog.LevelWarn
	}
	t.writer.Log.Log(ctx, level, message, "object", k, "error", err)
}
