// Package statuswriter makes the statuses of objects what they ought to be, while this
// replica leads.
//
// Set takes the desired statuses at any time and never blocks; Lead compares each with
// the object as the watches know it and patches what differs, several objects at a
// time: what somebody has just changed before the backlog, one namespace after the
// other, each object with its own back-off, all at the pace of the API server. What is
// wrong with an Ingress, whose status has no room for it, becomes Events. The package
// does not decide what a status says, and writes nothing but status subresources and
// Events.
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
	// Workers is how many statuses are written at the same time, at most; 0 means 24.
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
	// PatchStatus applies a JSON merge patch to the status subresource and returns the version of the object that
	// results. It does not try again by itself.
	PatchStatus(ctx context.Context, k kobj.Key, patch []byte) (Version, error)
	// CreateEvent creates a Warning event about an object.
	CreateEvent(ctx context.Context, e Event) error
}

// Version tells the states of an object apart.
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

// New is a Writer that only takes notes until Lead is called.
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

// statusOf is how the status of a kind is written; nil if it has none.
func (w *Writer) statusOf(k kobj.Kind) *kind.Status {
	if d := w.kinds.Get(k); d != nil {
		return d.Status
	}
	return nil
}

// Set takes the status that an object ought to have; nil if it is not ours to write, or the object is gone.
func (w *Writer) Set(k kobj.Key, d *status.Desired) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(k, d, live)
}

// liveAtMost is how many statuses that change at once are always taken for what users wait for.
const liveAtMost = 64

// SetAll does for n objects what Set does for one. If they are many, and a quarter of all that there are, this is
// the first load or a change of something that all share, and nobody waits for one of them.
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
	r.want(d)
	if w.term != nil {
		w.term.add(k, u)
	}
}

// Changed tells that an object has changed in whatever way. If it is its status, and not as it was written here,
// somebody else has written it.
func (w *Writer) Changed(k kobj.Key) {
	object, ok := w.Lookup(k)
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.records[k]
	if w.term == nil || r == nil || ok && r.expects(object) {
		return
	}
	w.term.statuses.nudge(k)
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
		t.add(k, backlog)
	}
}

// write makes the status of one object what it ought to be.
func (w *Writer) write(ctx context.Context, k kobj.Key) look {
	n, delay := w.next(k)
	if n == nil {
		return look{outcome: OutcomeNoop, delay: delay}
	}
	version, err := w.Client.PatchStatus(ctx, k, n.patch())
	switch {
	case err == nil:
		w.written(k, n, version)
		return look{outcome: OutcomeSuccess}
	case apierrors.IsNotFound(err): // the object is gone, or its namespace
		return look{outcome: OutcomeNoop}
	case apierrors.IsConflict(err):
		return look{outcome: OutcomeConflict, err: err}
	default:
		return look{outcome: OutcomeFailed, err: err}
	}
}

// next is what there is to write for an object now, nil if nothing. A positive delay asks to look again after it.
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
		return nil, 0 // the status of that generation is on its way
	}
	of := w.statusOf(k.Kind)
	if of == nil {
		return nil, 0
	}
	if n = plan(of, r.desired, object, w.Now()); n == nil {
		r.right = object.GetResourceVersion()
		return nil, 0
	}
	if delay = r.hold(w.Now()); delay > 0 {
		return nil, delay
	}
	return n, 0
}

// written notes the outcome of a write.
func (w *Writer) written(k kobj.Key, n *next, v Version) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.records[k]; r != nil {
		r.settle(n, v, w.Now())
	}
}
