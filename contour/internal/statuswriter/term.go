package statuswriter

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"

	"contour.example/contour/internal/kobj"
)

// Back-off after a failed write of a status or Event, of each object separately.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Minute
)

// Bounds of the rate of Events, in Events per second: an Event costs the API server as much as a status, and is less
// important.
const (
	eventRate  = 10
	eventBurst = 50
)

// writeTimeout bounds a request, so that a worker does not wait forever.
const writeTimeout = 30 * time.Second

// term is one period of leadership, with the objects to process.
type term struct {
	writer   *Writer
	statuses *schedule
	events   workqueue.TypedRateLimitingInterface[kobj.Key]
	limit    flowcontrol.RateLimiter
	// forbidden is the kinds with what is not permitted, about which the operator has been informed.
	forbidden sync.Map
}

func newTerm(w *Writer) *term {
	return &term{
		writer: w, statuses: newSchedule(w.Workers, w.Now),
		events: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[kobj.Key](firstRetry, lastRetry)),
		limit:  flowcontrol.NewTokenBucketRateLimiter(eventRate, eventBurst),
	}
}

// add schedules the status of an object and, for kinds that have them, its Events.
func (t *term) add(k kobj.Key, u urgency) {
	t.statuses.add(k, u)
	if of := t.writer.statusOf(k.Kind); of != nil && of.Events {
		t.events.Add(k)
	}
}

// run writes until the context ends.
func (t *term) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range t.writer.Workers {
		workers.Go(func() { t.writeStatuses(ctx) })
	}
	workers.Go(func() { t.writeEvents(ctx) })
	<-ctx.Done()
	t.statuses.shutDown()
	t.events.ShutDown()
	workers.Wait()
}

// writeStatuses processes one object after the other.
func (t *term) writeStatuses(ctx context.Context) {
	for {
		k, ok := t.statuses.take()
		if !ok || ctx.Err() != nil {
			return
		}
		a := t.attempt(ctx, k)
		if ctx.Err() != nil {
			return // the end of the context may have canceled the request
		}
		t.writer.Observe(string(k.Kind), a.outcome, a.took)
		t.finish(ctx, k, a)
	}
}

// attempt is the result of the processing of one object.
type attempt struct {
	outcome string
	took    time.Duration
	delay   time.Duration // positive: process again after it
	err     error         // the cause of a failure or conflict
}

func (t *term) attempt(ctx context.Context, k kobj.Key) attempt {
	start := t.writer.Now()
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	a := t.writer.write(ctx, k)
	a.took = t.writer.Now().Sub(start)
	return a
}

// finish reschedules an object according to the result, and adapts the pace.
func (t *term) finish(ctx context.Context, k kobj.Key, a attempt) {
	retryAfter, overloaded := overload(a.err)
	switch {
	case overloaded:
		if t.statuses.overloaded(k, retryAfter) {
			t.writer.Log.Warn("API server is overloaded or unavailable, status writes are paused", "object", k, "error", a.err)
		}
	case a.err != nil:
		t.log(ctx, t.statuses.failures(k), k, "status write failed, retrying", a.err)
		t.statuses.failed(k, apierrors.IsConflict(a.err))
	default:
		if a.outcome == OutcomeSuccess {
			t.statuses.succeeded(a.took)
		}
		t.statuses.done(k, a.delay)
	}
}

// overload reports whether the cause of an error is not the object: the API server is overloaded or unavailable.
// retryAfter is the delay that the API server requests; 0 if there is none.
func overload(err error) (retryAfter time.Duration, yes bool) {
	var transport *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return 0, false // for example because an admission webhook for the object does not answer
	case apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err):
		seconds, _ := apierrors.SuggestsClientDelay(err)
		return time.Duration(seconds) * time.Second, true
	default:
		return 0, errors.As(err, &transport)
	}
}

// writeEvents creates the Events of one object after the other.
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
	err := t.writer.createEvents(ctx, k, t.limit)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		t.log(ctx, t.events.NumRequeues(k), k, "event write failed, retrying", err)
		t.events.AddRateLimited(k)
	default:
		t.events.Forget(k)
	}
}

// log logs a failure of an object as a warning once: repeated failures can concern thousands of objects. Conflicts are
// expected, and logged at debug level.
func (t *term) log(ctx context.Context, failures int, k kobj.Key, message string, err error) {
	if lacksPermission(err) {
		if _, logged := t.forbidden.LoadOrStore(string(k.Kind)+message, true); !logged {
			t.writer.Log.Error("permission is missing: add it to the role of the controller, which retries", "kind", k.Kind, "error", err)
		}
		failures++ // the objects differ, the cause does not
	}
	level := slog.LevelDebug
	if failures == 0 && !apierrors.IsConflict(err) {
		level = slog.LevelWarn
	}
	t.writer.Log.Log(ctx, level, message, "object", k, "error", err)
}

// lacksPermission reports whether the API server's authorizer, and not an admission plugin, has refused a request.
func lacksPermission(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot ") && strings.Contains(err.Error(), " resource ")
}
