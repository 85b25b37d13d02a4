// Package statuswriter writes the desired statuses of objects while this replica is the
// leader.
//
// Set takes desired statuses at any time and never blocks. Lead compares each with the
// object of the watches and patches the differences, several objects at a time: objects
// that have just changed before the backlog, the namespaces in turn, each object with
// its own back-off, at a rate that the API server can handle. Those of a burst wait until
// it is over, at most a second. The diagnostics of an
// Ingress, whose status has no conditions, become Events. The package does not compute
// statuses, and writes only status subresources and Events.
package statuswriter

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/status"
)

// Outcomes of the processing of one object, for Options.Observe.
const (
	OutcomeSuccess  = "success"  // written
	OutcomeNoop     = "noop"     // nothing to write now
	OutcomeConflict = "conflict" // the object has changed concurrently; retried
	OutcomeFailed   = "failed"   // retried
)

// Options configure a Writer.
type Options struct {
	Client Client
	// Lookup returns the present object of the watches, such as kube.Source.Get. The Writer does not modify it.
	Lookup func(kobj.Key) (metav1.Object, bool)
	// Workers is the maximum number of concurrent writes of statuses; 0 means 24.
	Workers int
	Log     *slog.Logger
	// Now is the clock of transition times; nil is the system's.
	Now func() time.Time
	// Observe, if not nil, is called after each processing of an object, with its kind, the outcome and the duration.
	Observe func(kind, outcome string, took time.Duration)
	// Instance names this replica in the Events that it writes.
	Instance string
}

// Client is the part of the API server that a Writer needs. Errors are those of the API server.
type Client interface {
	// PatchStatus applies a JSON merge patch to the status subresource and returns the version of the object that
	// results. It does not retry.
	PatchStatus(ctx context.Context, k kobj.Key, patch []byte) (Version, error)
	// CreateEvent creates a Warning event about an object.
	CreateEvent(ctx context.Context, e Event) error
}

// Version identifies a state of an object.
type Version struct {
	ResourceVersion string
	Generation      int64
}

// Writer writes statuses. All methods may be called from any goroutine.
type Writer struct {
	Options

	kinds kind.List

	mu      sync.Mutex
	records map[kobj.Key]*record
	term    *term // nil while another replica leads
}

// New returns a Writer. It writes nothing until Lead is called.
func New(o Options) *Writer {
	if o.Workers == 0 {
		o.Workers = 24
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, string, time.Duration) {}
	}
	return &Writer{Options: o, kinds: kind.All(), records: map[kobj.Key]*record{}}
}

// statusOf returns how the status of a kind is written; nil if it has none.
func (w *Writer) statusOf(k kobj.Kind) *kind.Status {
	if d := w.kinds.Get(k); d != nil {
		return d.Status
	}
	return nil
}

// Set sets the desired status of an object; nil if the controller writes none, or the object is deleted.
func (w *Writer) Set(k kobj.Key, d *status.Desired) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(k, d, live)
}

// liveAtMost is the number of statuses up to which a set of changes is always live.
const liveAtMost = 64

// SetAll sets the desired statuses of n objects. If n exceeds liveAtMost and a quarter of all objects, the cause is the
// first load or a change that many objects share, and the objects join the backlog.
func (w *Writer) SetAll(n int, all iter.Seq2[kobj.Key, *status.Desired]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := live
	if n > liveAtMost && n > len(w.records)/4 {
		u = backlog
	}
	for k, d := range all {
		w.set(k, d, u)
	}
}

func (w *Writer) set(k kobj.Key, d *status.Desired, u urgency) {
	if d == nil {
		delete(w.records, k)
		return
	}
	r, ok := w.records[k]
	if !ok {
		r = &record{}
		w.records[k] = r
	}
	r.setDesired(d)
	if w.term != nil {
		w.term.add(k, u)
	}
}

// Changed is called after any change of an object. The Writer compares the object again, unless it has the version that
// the Writer has written: another client may have changed the status.
func (w *Writer) Changed(k kobj.Key) {
	object, ok := w.Lookup(k)
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.records[k]
	if w.term == nil || r == nil || ok && r.expects(object) {
		return
	}
	w.term.statuses.addChanged(k)
}

// Lead writes until the context ends, including the statuses that were set before. It returns after the last write.
func (w *Writer) Lead(ctx context.Context) {
	t := newTerm(w)
	w.begin(t)
	t.run(ctx)
	w.mu.Lock()
	w.term = nil
	w.mu.Unlock()
}

func (w *Writer) begin(t *term) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.term = t
	for k := range w.records {
		t.add(k, backlog)
	}
}

// write writes the desired status of one object, if the object does not have it.
func (w *Writer) write(ctx context.Context, k kobj.Key) attempt {
	n, delay := w.next(k)
	if n == nil {
		return attempt{outcome: OutcomeNoop, delay: delay}
	}
	version, err := w.Client.PatchStatus(ctx, k, n.patch())
	switch {
	case err == nil:
		w.written(k, n, version)
		return attempt{outcome: OutcomeSuccess}
	case apierrors.IsNotFound(err): // the object is deleted, or its namespace
		return attempt{outcome: OutcomeNoop}
	case apierrors.IsConflict(err):
		return attempt{outcome: OutcomeConflict, err: err}
	default:
		return attempt{outcome: OutcomeFailed, err: err}
	}
}

// next returns what to write for an object now; nil if nothing. After a positive delay the object is to be processed again.
func (w *Writer) next(k kobj.Key) (n *next, delay time.Duration) {
	object, ok := w.Lookup(k)
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.records[k]
	if r == nil || !ok || r.expects(object) {
		return nil, 0
	}
	object = r.newest(object)
	if object.GetGeneration() > r.desired.Generation {
		return nil, 0 // the status of that generation is not derived yet
	}
	of := w.statusOf(k.Kind)
	if of == nil {
		return nil, 0
	}
	if n = plan(of, r.desired, object, w.Now()); n == nil {
		r.upToDate = object.GetResourceVersion()
		return nil, 0
	}
	if delay = r.delay(n, w.Now()); delay > 0 {
		return nil, delay
	}
	return n, 0
}

// written records a successful write.
func (w *Writer) written(k kobj.Key, n *next, v Version) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.records[k]; r != nil {
		r.recordWrite(n, v, w.Now())
	}
}
