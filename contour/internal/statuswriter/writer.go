// Package statuswriter makes the statuses of objects what they ought to be, while this
// replica leads.
//
// Set takes the desired statuses at any time and never blocks; Lead compares each with
// the object as the informers know it and patches what differs, several objects at a
// time, each with its own back-off, so that one that cannot be written delays no other.
// What is wrong with an Ingress, whose status has no room for it, becomes Events. The
// package does not decide what a status says, and writes nothing but status
// subresources and Events.
package statuswriter

import (
	"context"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/status"
)

// Outcomes of a look at one object, as Options.Observe is told them.
const (
	OutcomeSuccess  = "success"  // written
	OutcomeNoop     = "noop"     // nothing to write, for now
	OutcomeConflict = "conflict" // the object has changed meanwhile; tried again
	OutcomeFailed   = "failed"   // tried again
)

// Options says what a Writer works with.
type Options struct {
	Client Client
	// Lookup is the object as it is known to be, such as kube.Source.Get. The result is not modified.
	Lookup func(kobj.Key) (metav1.Object, bool)
	// Workers is how many statuses are written at the same time; 0 means 16.
	Workers int
	Log     *slog.Logger
	// Now is the clock of transition times; nil is the system's.
	Now func() time.Time
	// Observe, if not nil, is told of every look at an object: its kind, the outcome and the time it took.
	Observe func(kind, outcome string, took time.Duration)
	// Instance names this replica in the Events that it writes.
	Instance string
}

// Client is the part of the API server that a Writer needs. Errors are those of the API server.
type Client interface {
	// PatchStatus applies a JSON merge patch to the status subresource and returns the object that results.
	PatchStatus(ctx context.Context, k kobj.Key, patch []byte) (metav1.Object, error)
	// CreateEvent creates a Warning event about an object.
	CreateEvent(ctx context.Context, e Event) error
}

// Writer writes statuses. All methods may be called from any goroutine.
type Writer struct {
	Options

	mu      sync.Mutex
	records map[kobj.Key]*record
	term    *term // nil while another replica leads
}

// New is a Writer that only takes notes until Lead is called.
func New(o Options) *Writer {
	if o.Workers == 0 {
		o.Workers = 16
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, string, time.Duration) {}
	}
	return &Writer{Options: o, records: map[kobj.Key]*record{}}
}

// Set takes the status that an object ought to have; nil if it is not ours to write, or the object is gone.
func (w *Writer) Set(k kobj.Key, d *status.Desired) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d == nil {
		delete(w.records, k)
		return
	}
	r, ok := w.records[k]
	if !ok {
		r = &record{}
		w.records[k] = r
	}
	r.want(d)
	if w.term != nil {
		w.term.add(k)
	}
}

// Changed tells that an object has changed in whatever way. If it is its status, somebody else has written it.
func (w *Writer) Changed(k kobj.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.term != nil && w.records[k] != nil {
		w.term.statuses.Add(k)
	}
}

// Lead writes until the context ends, first whatever was Set before. It returns when no write is under way any more.
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
		t.add(k)
	}
}

// write makes the status of one object what it ought to be. A positive delay asks to look again after it; the
// error is why the outcome is a failure.
func (w *Writer) write(ctx context.Context, k kobj.Key) (outcome string, delay time.Duration, err error) {
	patch, d, delay := w.next(k)
	if patch == nil {
		return OutcomeNoop, delay, nil
	}
	object, err := w.Client.PatchStatus(ctx, k, patch)
	switch {
	case err == nil:
		w.written(k, d, object)
		return OutcomeSuccess, 0, nil
	case apierrors.IsNotFound(err): // the object is gone, or its namespace
		return OutcomeNoop, 0, nil
	case apierrors.IsConflict(err):
		return OutcomeConflict, 0, err
	default:
		return OutcomeFailed, 0, err
	}
}

// next is what there is to write for an object now, nil if nothing.
func (w *Writer) next(k kobj.Key) (patch []byte, d *status.Desired, delay time.Duration) {
	object, ok := w.Lookup(k)
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.records[k]
	if r == nil || !ok {
		return nil, nil, 0
	}
	object = r.newest(object)
	if object.GetGeneration() > r.desired.Generation {
		return nil, nil, 0 // the status of that generation is on its way
	}
	if patch = plan(r.desired, object, w.Now()); patch == nil {
		return nil, nil, 0
	}
	if delay = r.hold(w.Now()); delay > 0 {
		return nil, nil, delay
	}
	return patch, r.desired, 0
}

// written notes the outcome of a write.
func (w *Writer) written(k kobj.Key, d *status.Desired, object metav1.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.records[k]; r != nil {
		r.settle(d, object, w.Now())
	}
}
