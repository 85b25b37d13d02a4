package kube

import (
	"context"
	"sync"

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

// queue takes changes from any number of goroutines without ever blocking them.
type queue struct {
	mu      sync.Mutex
	pending batch
	arrived chan struct{} // holds a value while pending may not be empty
}

func newQueue() *queue { return &queue{arrived: make(chan struct{}, 1)} }

func (q *queue) put(c store.Change) {
	q.mu.Lock()
	q.pending.put(c)
	q.mu.Unlock()
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
