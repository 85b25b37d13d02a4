package memo

import "slices"

// listed is an entry of an Index: keys in order. Where there are many, changes are put off until somebody asks for
// the keys or until there are as many changes as keys, so that n changes in a row do not cost n passes over them.
type listed[I, K comparable] struct {
	node
	index   *Index[I, K]
	key     I
	keys    []K         // sorted, before what is put off; replaced and never changed in place
	backlog *backlog[K] // nil: nothing is put off
}

// backlog is what is put off.
type backlog[K comparable] struct {
	pending map[K]bool // true: to be added to the keys; false: to be taken out
	growth  int        // of the keys by what is pending
}

// fewKeys is up to how many keys a change is cheaper made than put off.
const fewKeys = 16

func (l *listed[I, K]) owner() *core { return &l.index.core }
func (l *listed[I, K]) recompute()   { l.state = clean }
func (l *listed[I, K]) ownKey() I    { return l.key }

func (l *listed[I, K]) drop() bool {
	if l.len() > 0 {
		return false
	}
	l.index.entries.remove(l.key)
	return true
}

func (l *listed[I, K]) len() int {
	if l.backlog == nil {
		return len(l.keys)
	}
	return len(l.keys) + l.backlog.growth
}

func (l *listed[I, K]) find(k K) (at int, found bool) {
	return slices.BinarySearchFunc(l.keys, k, l.index.compare)
}

func (l *listed[I, K]) has(k K) bool {
	if l.backlog != nil {
		if present, ok := l.backlog.pending[k]; ok {
			return present
		}
	}
	_, found := l.find(k)
	return found
}

// put adds k, which is not there, if present, and takes k, which is there, out if not.
func (l *listed[I, K]) put(k K, present bool) {
	switch {
	case l.backlog == nil && len(l.keys) <= fewKeys:
		l.replace(k, present)
		return
	case l.backlog == nil:
		l.backlog = &backlog[K]{pending: map[K]bool{}}
	}
	l.backlog.put(k, present)
	if len(l.backlog.pending) > len(l.keys) {
		l.sorted()
	}
}

func (b *backlog[K]) put(k K, present bool) {
	if present {
		b.growth++
	} else {
		b.growth--
	}
	if _, undone := b.pending[k]; undone {
		delete(b.pending, k)
		return
	}
	b.pending[k] = present
}

// replace makes a change at once.
func (l *listed[I, K]) replace(k K, present bool) {
	at, _ := l.find(k)
	if present {
		l.keys = slices.Concat(l.keys[:at], []K{k}, l.keys[at:])
	} else {
		l.keys = slices.Concat(l.keys[:at], l.keys[at+1:])
	}
}

// sorted is the keys in order.
func (l *listed[I, K]) sorted() []K {
	b := l.backlog
	if b == nil {
		return l.keys
	}
	l.backlog = nil
	if len(b.pending) > 0 {
		l.keys = b.merge(l.keys, l.index.compare)
	}
	return l.keys
}

// merge is the keys with what was put off.
func (b *backlog[K]) merge(keys []K, compare func(x, y K) int) []K {
	added := slices.SortedFunc(func(yield func(K) bool) {
		for k, present := range b.pending {
			if present && !yield(k) {
				return
			}
		}
	}, compare)
	merged := make([]K, 0, len(keys)+b.growth)
	for _, k := range keys {
		if _, gone := b.pending[k]; gone {
			continue
		}
		for len(added) > 0 && compare(added[0], k) < 0 {
			merged, added = append(merged, added[0]), added[1:]
		}
		merged = append(merged, k)
	}
	return append(merged, added...)
}
