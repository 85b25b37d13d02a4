package statuswriter

import (
	"context"
	"log/slog"
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

type queue = workqueue.TypedRateLimitingInterface[kobj.Key]

// term is one period of leading: the objects to look at. An object is looked at by one worker at a time, and
// stands in a queue at most once.
type term struct {
	writer   *Writer
	statuses queue
	events   queue
	limit    flowcontrol.RateLimiter
}

func newTerm(w *Writer) *term {
	return &term{
		writer: w, statuses: newQueue(), events: newQueue(),
		limit: flowcontrol.NewTokenBucketRateLimiter(eventRate, eventBurst),
	}
}

func newQueue() queue {
	return workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[kobj.Key](firstRetry, lastRetry))
}

// add asks for a look at the status of an object and, for kinds that have them, its Events.
func (t *term) add(k kobj.Key) {
	t.statuses.Add(k)
	if k.Kind == kobj.Ingress {
		t.events.Add(k)
	}
}

// run works until the context ends.
func (t *term) run(ctx context.Context) {
	var working sync.WaitGroup
	for range t.writer.Workers {
		working.Go(func() { work(ctx, t.statuses, t.status) })
	}
	working.Go(func() { work(ctx, t.events, t.event) })
	<-ctx.Done()
	t.statuses.ShutDown()
	t.events.ShutDown()
	working.Wait()
}

// work handles the objects of a queue one after the other, until it is shut down.
func work(ctx context.Context, q queue, handle func(context.Context, kobj.Key)) {
	for {
		k, shutdown := q.Get()
		if shutdown {
			return
		}
		if ctx.Err() == nil {
			handle(ctx, k)
		}
		q.Done(k)
	}
}

func (t *term) status(ctx context.Context, k kobj.Key) {
	start := t.writer.Now()
	outcome, delay, err := t.writer.write(ctx, k)
	if ctx.Err() != nil {
		return // the request was cut short
	}
	t.writer.Observe(string(k.Kind), outcome, t.writer.Now().Sub(start))
	if err != nil {
		t.log(ctx, t.statuses, k, "status write failed, trying again", err)
		t.statuses.AddRateLimited(k)
		return
	}
	t.statuses.Forget(k)
	if delay > 0 {
		t.statuses.AddAfter(k, delay)
	}
}

func (t *term) event(ctx context.Context, k kobj.Key) {
	err := t.writer.tell(ctx, k, t.limit)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		t.log(ctx, t.events, k, "event write failed, trying again", err)
		t.events.AddRateLimited(k)
	default:
		t.events.Forget(k)
	}
}

// log says once for each object that it could not be written: what keeps failing may concern thousands. That
// somebody else was faster is no news at all.
func (t *term) log(ctx context.Context, q queue, k kobj.Key, message string, err error) {
	level := slog.LevelDebug
	if q.NumRequeues(k) == 0 && !apierrors.IsConflict(err) {
		level = slog.LevelWarn
	}
	t.writer.Log.Log(ctx, level, message, "object", k, "error", err)
}
