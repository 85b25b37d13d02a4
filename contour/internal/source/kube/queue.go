package kube

import (
	"context"
	"sync"
	"time"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// batch contains the newest change of each object, in the order in which the objects first changed.
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

// deletionDelay is the delay of the deletion of an object to which others refer. Each kind has its own watch, so that
// "change the route to the new Service, then delete the old one" may arrive in reverse order; without the delay the
// route would respond with an error in between. If the object is created again within the delay, the deletion is dropped.
const deletionDelay = 200 * time.Millisecond

// queue accepts changes from any number of goroutines without blocking them.
type queue struct {
	delays map[kobj.Kind]bool // kinds whose deletions are delayed

	mu      sync.Mutex
	pending batch
	delayed map[kobj.Key]*time.Timer // deletions
	arrived chan struct{}            // contains a value while pending may not be empty
}

func newQueue(kinds kind.List) *queue {
	delays := map[kobj.Kind]bool{}
	for i := range kinds {
		delays[kinds[i].Kind] = kinds[i].DeletionWaits
	}
	return &queue{delays: delays, delayed: map[kobj.Key]*time.Timer{}, arrived: make(chan struct{}, 1)}
}

// put adds changes.
func (q *queue) put(changes ...store.Change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range changes {
		q.putOne(c)
	}
}

// putOne adds a change; the caller holds the lock.
func (q *queue) putOne(c store.Change) {
	if t, ok := q.delayed[c.Key]; ok {
		t.Stop()
		delete(q.delayed, c.Key)
	}
	if c.Object == nil && q.delays[c.Key.Kind] {
		q.delay(c)
		return
	}
	q.add(c)
}

// delay adds the deletion after the delay, unless the object is created again.
func (q *queue) delay(c store.Change) {
	var t *time.Timer
	t = time.AfterFunc(deletionDelay, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.delayed[c.Key] == t {
			delete(q.delayed, c.Key)
			q.add(c)
		}
	})
	q.delayed[c.Key] = t
}

// add adds a change to the pending ones; the caller holds the lock.
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

// drain sends the pending changes, a first batch even if there are none, until the context ends. Changes that arrive
// while out is not ready are added to the batch that is offered.
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
