package budget

import (
	"cmp"
	"container/heap"
	"time"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/kobj"
)

// ledger admits objects in the order of their age while their costs are within a limit together. An object that exceeds the
// limit by itself is not admitted and does not count. A change takes time in proportion to the objects whose admission it
// changes, and to the logarithm of their number.
type ledger struct {
	limit    contrib.Cost
	spent    contrib.Cost // by those admitted
	entries  map[kobj.Key]*entry
	admitted queue // the newest first
	waiting  queue // the oldest first; each is newer than all those admitted
	former   map[kobj.Key]bool
}

// entry is an object of a ledger.
type entry struct {
	key     kobj.Key
	created time.Time
	cost    contrib.Cost
	in      *queue // nil: it exceeds the limit by itself
	index   int
}

// compare puts the older one first.
func (e *entry) compare(o *entry) int {
	return cmp.Or(e.created.Compare(o.created), e.key.Compare(o.key))
}

func newLedger(limit contrib.Cost) *ledger {
	l := &ledger{limit: limit, entries: map[kobj.Key]*entry{}, former: map[kobj.Key]bool{}}
	l.admitted.before = func(a, b *entry) bool { return a.compare(b) > 0 }
	l.waiting.before = func(a, b *entry) bool { return a.compare(b) < 0 }
	return l
}

// set adds an object, or changes its age and cost.
func (l *ledger) set(k kobj.Key, created time.Time, cost contrib.Cost) {
	e := l.entries[k]
	if e == nil {
		e = &entry{key: k}
		l.entries[k] = e
		l.note(k, true)
	} else {
		l.note(k, l.admits(k))
		l.take(e)
	}
	e.created, e.cost = created, cost
	switch {
	case !cost.Within(l.limit):
	case len(l.waiting.list) > 0 && l.waiting.list[0].compare(e) < 0:
		l.put(e, &l.waiting)
	default:
		l.put(e, &l.admitted)
	}
	l.rebalance()
}

// remove removes an object.
func (l *ledger) remove(k kobj.Key) {
	e := l.entries[k]
	if e == nil {
		return
	}
	l.note(k, l.admits(k))
	l.take(e)
	delete(l.entries, k)
	l.rebalance()
}

// admits reports whether an object is admitted, as one is that is not in the ledger.
func (l *ledger) admits(k kobj.Key) bool {
	e := l.entries[k]
	return e == nil || e.in == &l.admitted
}

// changes returns the objects whose admission has changed since the last call, in no particular order.
func (l *ledger) changes() []kobj.Key {
	var out []kobj.Key
	for k, admitted := range l.former {
		if l.admits(k) != admitted {
			out = append(out, k)
		}
	}
	l.former = map[kobj.Key]bool{}
	return out
}

// note notes whether an object was admitted at the last call of changes.
func (l *ledger) note(k kobj.Key, admitted bool) {
	if _, known := l.former[k]; !known {
		l.former[k] = admitted
	}
}

// rebalance moves the boundary between those admitted and those waiting.
func (l *ledger) rebalance() {
	for !l.spent.Within(l.limit) {
		l.move(&l.admitted, &l.waiting)
	}
	for len(l.waiting.list) > 0 && l.spent.Plus(l.waiting.list[0].cost).Within(l.limit) {
		l.move(&l.waiting, &l.admitted)
	}
}

func (l *ledger) move(from, to *queue) {
	e := from.list[0]
	l.note(e.key, l.admits(e.key))
	l.take(e)
	l.put(e, to)
}

// take removes an entry from its queue.
func (l *ledger) take(e *entry) {
	if e.in == nil {
		return
	}
	if e.in == &l.admitted {
		l.spent = l.spent.Minus(e.cost)
	}
	heap.Remove(e.in, e.index)
	e.in = nil
}

func (l *ledger) put(e *entry, to *queue) {
	if to == &l.admitted {
		l.spent = l.spent.Plus(e.cost)
	}
	e.in = to
	heap.Push(to, e)
}

// queue is a heap of entries.
type queue struct {
	list   []*entry
	before func(a, b *entry) bool
}

// Len is part of heap.Interface.
func (q *queue) Len() int { return len(q.list) }

// Less is part of heap.Interface.
func (q *queue) Less(i, j int) bool { return q.before(q.list[i], q.list[j]) }

// Swap is part of heap.Interface.
func (q *queue) Swap(i, j int) {
	q.list[i], q.list[j] = q.list[j], q.list[i]
	q.list[i].index, q.list[j].index = i, j
}

// Push is part of heap.Interface.
func (q *queue) Push(x any) {
	e := x.(*entry)
	e.index = len(q.list)
	q.list = append(q.list, e)
}

// Pop is part of heap.Interface.
func (q *queue) Pop() any {
	last := len(q.list) - 1
	e := q.list[last]
	q.list[last] = nil
	q.list = q.list[:last]
	return e
}
