package pipeline

import (
	"slices"

	"contour.example/contour/internal/fairqueue"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// backlog is the changes that are not applied yet, the newest of each object, with round robin over the namespaces.
type backlog struct {
	queue  fairqueue.Queue[kobj.Key]
	newest map[kobj.Key]store.Change // of the objects in the queue
}

// add adds a batch. An object that waits already keeps its place. Policies precede the routes of a batch: a batch has no order of its
// own, and a slice with the routes alone would serve them without the policies.
func (b *backlog) add(batch []store.Change) {
	if b.newest == nil {
		b.newest = make(map[kobj.Key]store.Change, len(batch))
	}
	policiesFirst := func(x, y store.Change) int { return rankInBatch(x) - rankInBatch(y) }
	for _, c := range slices.SortedStableFunc(slices.Values(batch), policiesFirst) {
		if _, waits := b.newest[c.Key]; !waits {
			b.queue.Push(c.Key.Namespace, c.Key)
		}
		b.newest[c.Key] = c
	}
}

// rankInBatch is 0 for policies that exist, 2 for those that are deleted, which others may replace, and 1 for what they apply to.
func rankInBatch(c store.Change) int {
	switch {
	case c.Key.Kind != kobj.BackendTLSPolicy:
		return 1
	case c.Object == nil:
		return 2
	}
	return 0
}

func (b *backlog) empty() bool { return b.queue.Len() == 0 }

// take removes and returns the next n changes, or all if there are fewer.
func (b *backlog) take(n int) []store.Change {
	taken := make([]store.Change, 0, min(n, b.queue.Len()))
	for len(taken) < cap(taken) {
		k, _ := b.queue.Pop()
		taken = append(taken, b.newest[k])
		delete(b.newest, k)
	}
	if b.empty() {
		b.newest = nil // it may have been large
	}
	return taken
}
