// Package fleetwriter creates, repairs and deletes the objects of the fleets of Gateways while this replica is the leader.
//
// Set takes what is to exist of a fleet (gatewayapi.Provisioned) at any time and never blocks. Lead watches the metadata of the objects of
// all fleets, and applies to each Gateway what differs: server-side, with one field manager, so that the fields of others stay. An object
// that exists and is not one of the Gateway is never changed. What cannot be applied is passed on as a sentence for the status of the Gateway.
//
// The package does not compute the objects.
package fleetwriter

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"

	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/fairqueue"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/provision"
)

// Options configure a Writer.
type Options struct {
	Client  Client
	Objects provision.Options
	// Certificate issues the certificates of fleets.
	Certificate Issuer
	// Failed receives why the fleets of these Gateways could not be provisioned, as a sentence; "" is that they are. It may wait until the
	// context ends.
	Failed func(context.Context, map[kobj.Name]string)
	Log    *slog.Logger
	Now    func() time.Time
}

const (
	workers = 4
	// writeRate and writeBurst bound the requests to the API server in a second.
	writeRate, writeBurst = 20, 50
	firstRetry, lastRetry = 100 * time.Millisecond, time.Minute
	requestTimeout        = 30 * time.Second
	// successorRetry is after how long it is looked again whether a workload can replace another one.
	successorRetry = 5 * time.Second
)

// Writer writes the objects of fleets. All methods may be called from any goroutine.
type Writer struct {
	Options

	mu     sync.Mutex
	wanted map[kobj.Name]gatewayapi.Provisioned
	loaded bool // wanted is complete
	term   *term

	reported map[kobj.Name]string // failures that Failed knows; only of the goroutine that holds reporting
	report   sync.Mutex
}

// New returns a Writer. It writes nothing until Lead is called.
func New(o Options) *Writer {
	return &Writer{Options: o, wanted: map[kobj.Name]gatewayapi.Provisioned{}, reported: map[kobj.Name]string{}}
}

// Set replaces what is to exist of the fleets of these Gateways. The first call is about all Gateways that exist.
func (w *Writer) Set(fleets map[kobj.Name]gatewayapi.Provisioned) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n, p := range fleets {
		if p == (gatewayapi.Provisioned{}) {
			delete(w.wanted, n)
		} else {
			w.wanted[n] = p
		}
		if w.term != nil && w.loaded {
			w.term.queue.Add(n)
		}
	}
	if !w.loaded {
		w.loaded = true
		w.start()
	}
}

// start queues everything, once what is to exist and what exists are both known. w.mu is held.
func (w *Writer) start() {
	t := w.term
	if t == nil || !w.loaded || !t.synced {
		return
	}
	for n := range w.wanted {
		t.queue.Add(n)
	}
	for n := range t.children {
		t.queue.Add(n)
	}
}

// Lead writes until the context ends. It returns after the last request.
func (w *Writer) Lead(ctx context.Context) {
	t := &term{
		writer: w, children: map[kobj.Name]map[Ref]Child{}, applied: map[Ref]applied{},
		queue: newQueue(),
		limit: flowcontrol.NewTokenBucketRateLimiter(writeRate, writeBurst),
	}
	w.mu.Lock()
	w.term = t
	w.mu.Unlock()
	var running sync.WaitGroup
	running.Go(func() {
		w.Client.Watch(ctx, t.changed, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			t.synced = true
			w.start()
		})
	})
	for range workers {
		running.Go(func() { t.work(ctx) })
	}
	<-ctx.Done()
	w.mu.Lock()
	w.term = nil
	w.mu.Unlock()
	t.queue.ShutDown()
	running.Wait()
}

// term is one period of leadership. The writer's lock guards what it has but the queue.
type term struct {
	writer   *Writer
	queue    workqueue.TypedRateLimitingInterface[kobj.Name] // of Gateways
	limit    flowcontrol.RateLimiter
	synced   bool
	children map[kobj.Name]map[Ref]Child // by Gateway
	applied  map[Ref]applied
}

// newQueue returns a queue of Gateways, with round robin over their namespaces: the pace is that of all tenants together, and one with
// thousands of Gateways delays another by one Gateway for each of its own.
func newQueue() workqueue.TypedRateLimitingInterface[kobj.Name] {
	queue := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[kobj.Name]{Queue: &byNamespace{}})
	return workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[kobj.Name](firstRetry, lastRetry),
		workqueue.TypedRateLimitingQueueConfig[kobj.Name]{
			DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[kobj.Name]{Queue: queue}),
		})
}

// byNamespace is the order of a work queue. The work queue calls it with items that are not in it, one call at a time.
type byNamespace struct{ queue fairqueue.Queue[kobj.Name] }

// Touch does nothing: a Gateway that is added again keeps its place.
func (q *byNamespace) Touch(kobj.Name) {}

// Push adds a Gateway.
func (q *byNamespace) Push(n kobj.Name) { q.queue.Push(n.Namespace, n) }

// Len returns the number of Gateways.
func (q *byNamespace) Len() int { return q.queue.Len() }

// Pop removes and returns the next Gateway; the work queue calls it only if there is one.
func (q *byNamespace) Pop() kobj.Name {
	n, _ := q.queue.Pop()
	return n
}

// applied is what was applied to an object in this term.
type applied struct {
	hash    string // of the request
	managed string // Child.Managed after it
	uid     string
}

// changed records a state of an object of a Gateway; gone is that it is deleted.
func (t *term) changed(gateway kobj.Name, r Ref, c Child, gone bool) {
	t.writer.mu.Lock()
	defer t.writer.mu.Unlock()
	of := t.children[gateway]
	switch {
	case !gone && of == nil:
		t.children[gateway] = map[Ref]Child{r: c}
	case !gone:
		if before, ok := of[r]; ok && before.Managed == c.Managed && before.Generation == c.Generation && before.UID == c.UID {
			of[r] = c
			return // its status
		}
		of[r] = c
	default:
		if delete(of, r); len(of) == 0 {
			delete(t.children, gateway)
		}
	}
	if t.synced && t.writer.loaded {
		t.queue.Add(gateway)
	}
}

// work processes one Gateway after the other.
func (t *term) work(ctx context.Context) {
	for {
		n, shutdown := t.queue.Get()
		if shutdown {
			return
		}
		if ctx.Err() == nil {
			t.process(ctx, n)
		}
		t.queue.Done(n)
	}
}

func (t *term) process(ctx context.Context, n kobj.Name) {
	again, message, err := t.reconcile(ctx, n)
	switch {
	case ctx.Err() != nil:
		return // the end of the context may have canceled the request
	case err != nil:
		if t.queue.NumRequeues(n) == 0 {
			t.writer.Log.Warn("fleet of a Gateway cannot be provisioned, retrying", "gateway", n.String(), "error", err)
		}
		t.queue.AddRateLimited(n)
	default:
		t.queue.Forget(n)
		if again > 0 {
			t.queue.AddAfter(n, again)
		}
	}
	t.writer.failed(ctx, n, message)
}

// failed passes on a failure that is new, or its end.
func (w *Writer) failed(ctx context.Context, n kobj.Name, message string) {
	w.report.Lock()
	defer w.report.Unlock()
	if w.reported[n] == message {
		return
	}
	if message == "" {
		delete(w.reported, n)
	} else {
		w.reported[n] = message
	}
	w.Failed(ctx, map[kobj.Name]string{n: message})
}

// state returns what is to exist and what exists of the fleet of a Gateway.
func (t *term) state(n kobj.Name) (gatewayapi.Provisioned, map[Ref]Child) {
	t.writer.mu.Lock()
	defer t.writer.mu.Unlock()
	return t.writer.wanted[n], maps.Clone(t.children[n])
}

// forget removes the record of a deleted object.
func (t *term) forget(r Ref) {
	t.writer.mu.Lock()
	defer t.writer.mu.Unlock()
	delete(t.applied, r)
}

func (t *term) record(r Ref) (applied, bool) {
	t.writer.mu.Lock()
	defer t.writer.mu.Unlock()
	a, ok := t.applied[r]
	return a, ok
}

// remember records an object that was applied, as the watch will report it.
func (t *term) remember(gateway kobj.Name, r Ref, hash string, c Child) {
	t.writer.mu.Lock()
	defer t.writer.mu.Unlock()
	t.applied[r] = applied{hash: hash, managed: c.Managed, uid: c.UID}
	if t.children[gateway] == nil {
		t.children[gateway] = map[Ref]Child{}
	}
	t.children[gateway][r] = c
}

// inOrder returns the objects in the order in which they are deleted: clients go before Envoys, and these before what they use.
func inOrder(children map[Ref]Child) []Ref {
	rank := map[string]int{"PodDisruptionBudget": 0, "Service": 1, "Deployment": 2, "DaemonSet": 2, "Secret": 3, "ServiceAccount": 3}
	return slices.SortedFunc(maps.Keys(children), func(a, b Ref) int {
		if d := rank[a.Kind] - rank[b.Kind]; d != 0 {
			return d
		}
		return a.compare(b)
	})
}
