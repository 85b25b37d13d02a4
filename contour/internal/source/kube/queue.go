package kube

import (
	"context"
	"sync"
	"time"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// batch is changes in the order their objects first changed, the newest for each object.
type batch struct {
	at      map[kobj.Key]int
	changes []store.Change
}

func (b *batch) put(c store.Change) {
	if i, ok := b.at[c.Key]; ok {
		b.changes[i] = c
		return
	}
	if b.at == nil {
		b.at = map[kobj.Key]int{}
	}
	b.at[c.Key] = len(b.changes)
	b.changes = append(b.changes, c)
}

// removalDelay is how long the deletion of an object that others refer to is held back. Each kind is watched by
// itself, so "lead the route to the new Service, then delete the old one" may arrive the other way round; without the
// delay the route would answer with an error in between. An object that is back within it was never away.
const removalDelay = 200 * time.Millisecond

// queue takes changes from any number of goroutines without ever blocking them.
type queue struct {
	waits map[kobj.Kind]bool // kinds whose deletions are held back

	mu      sync.Mutex
	pending batch
	held    map[kobj.Key]*time.Timer // deletions that are held back
	arrived chan struct{}            // holds a value while pending may not be empty
}

func newQueue(kinds kind.List) *queue {
	waits := map[kobj.Kind]bool{}
	for i := range kinds {
		waits[kinds[i].Kind] = kinds[i].DeletionWaits
	}
	return &queue{waits: waits, held: map[kobj.Key]*time.Timer{}, arrived: make(chan struct{}, 1)}
}

// put takes changes, which drain takes all at once.
func (q *queue) put(changes ...store.Change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range changes {
		q.putOne(c)
	}
}

// putOne needs the lock.
func (q *queue) putOne(c store.Change) {
	if t, ok := q.held[c.Key]; ok {
		t.Stop()
		delete(q.held, c.Key)
	}
	if c.Object == nil && q.waits[c.Key.Kind] {
		q.hold(c)
		return
	}
	q.add(c)
}

// hold adds the deletion when its delay is over, unless put has taken it back by then.
func (q *queue) hold(c store.Change) {
	var t *time.Timer
	t = time.AfterFunc(removalDelay, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.held[c.Key] == t {
			delete(q.held, c.Key)
			q.add(c)
		}
	})
	q.held[c.Key] = t
}

// add needs the lock.
func (q *queue) add(c store.Change) {
	q.pending.put(c)
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending.changes)
}

func (q *queue) take() []store.Change {
	q.mu.Lock()
	defer q.mu.Unlock()
	changes := q.pending.changes
	q.pending = batch{}
	return changes
}

// drain sends what is pending now, even if it is nothing, and from then on whatever arrives, until the context ends.
// While out is not ready, what arrives joins the batch on offer.
func (q *queue) drain(ctx context.Context, out chan<- []store.Change) {
	var offered batch
	first := true
	for {
		for _, c := range q.take() {
			offered.put(c)
		}
		ready := out
		if !first && len(offered.changes) == 0 {
			ready = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-q.arrived:
		case ready <- offered.changes:
			offered, first = batch{}, false
		}
	}
}
