// Package fairqueue is a queue with round robin over owners: an owner with thousands of items delays another one by one item for each
// of its own.
package fairqueue

// Queue contains items, each of an owner. Those of one owner stay in order. The zero value is an empty queue. It is not safe for
// concurrent use.
type Queue[T any] struct {
	owners []string // with items, the next one first
	items  map[string][]T
	n      int
}

// Len returns the number of items.
func (q *Queue[T]) Len() int { return q.n }

// Push adds an item.
func (q *Queue[T]) Push(owner string, item T) {
	if q.items == nil {
		q.items = map[string][]T{}
	}
	items, ok := q.items[owner]
	if !ok {
		q.owners = append(q.owners, owner)
	}
	q.items[owner] = append(items, item)
	q.n++
}

// Pop removes and returns the next item; false if there is none.
func (q *Queue[T]) Pop() (T, bool) { return q.PopIf(func(string) bool { return true }) }

// PopIf removes and returns the next item of the owners for which may returns true; false if there is none.
func (q *Queue[T]) PopIf(may func(owner string) bool) (item T, ok bool) {
	for range q.owners {
		owner := q.owners[0]
		q.owners = q.owners[1:]
		if !may(owner) {
			q.owners = append(q.owners, owner)
			continue
		}
		items := q.items[owner]
		if len(items) == 1 {
			delete(q.items, owner)
		} else {
			q.items[owner] = items[1:]
			q.owners = append(q.owners, owner)
		}
		if q.n--; q.n == 0 {
			*q = Queue[T]{} // its memory may have been large
		}
		return items[0], true
	}
	return item, false
}
