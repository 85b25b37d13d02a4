package pipeline

import (
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// backlog is the changes that are not applied yet, the newest of each object. Namespaces take turns, each with one object; one that
// had none waiting comes first, so that its change waits for at most one of each other such namespace.
type backlog struct {
	fresh, others []string                  // namespaces with changes, in the order of their turns
	queues        map[string][]kobj.Key     // objects of these, in the order of their first change
	newest        map[kobj.Key]store.Change // of these
}

// add adds a batch.
func (b *backlog) add(batch []store.Change) {
	if b.newest == nil {
		b.queues, b.newest = map[string][]kobj.Key{}, map[kobj.Key]store.Change{}
	}
	for _, c := range batch {
		if _, waits := b.newest[c.Key]; !waits {
			namespace := c.Key.Namespace
			if len(b.queues[namespace]) == 0 {
				b.fresh = append(b.fresh, namespace)
			}
			b.queues[namespace] = append(b.queues[namespace], c.Key)
		}
		b.newest[c.Key] = c
	}
}

func (b *backlog) empty() bool { return len(b.newest) == 0 }

// take removes and returns the next n changes, or all if there are fewer.
func (b *backlog) take(n int) []store.Change {
	taken := make([]store.Change, 0, min(n, len(b.newest)))
	for len(taken) < n && !b.empty() {
		k := b.next()
		taken = append(taken, b.newest[k])
		delete(b.newest, k)
	}
	if b.empty() {
		*b = backlog{} // its maps may have been large
	}
	return taken
}

// next removes the object whose turn it is from its queue.
func (b *backlog) next() kobj.Key {
	turns := &b.fresh
	if len(*turns) == 0 {
		turns = &b.others
	}
	namespace := (*turns)[0]
	*turns = (*turns)[1:]
	queue := b.queues[namespace]
	if len(queue) > 1 {
		b.queues[namespace] = queue[1:]
		b.others = append(b.others, namespace)
	} else {
		delete(b.queues, namespace)
	}
	return queue[0]
}
