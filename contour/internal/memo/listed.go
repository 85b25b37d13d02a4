package memo

import "slices"

// listed is an entry of an Index: keys in order. If there are many, changes wait until the next read or until there are
// more changes than keys, so that n changes in a row do not copy the keys n times.
type listed[I, K comparable] struct {
	node
	index     *Index[I, K]
	key       I
	keys      []K           // sorted, without the unapplied changes; replaced, never modified
	unapplied *unapplied[K] // nil if there are none
}

// unapplied is the changes that wait.
type unapplied[K comparable] struct {
	changes map[K]bool // true: add to the keys; false: remove
	growth  int        // of the number of keys by the changes
}

// fewKeys is the number of keys up to which a change is applied at once.
const fewKeys = 16

func (l *listed[I, K]) tableCore() *core { return &l.index.core }
func (l *listed[I, K]) recompute()       { l.state = clean }
func (l *listed[I, K]) ownKey() I        { return l.key }

func (l *listed[I, K]) drop() bool {
	if l.len() > 0 {
		return false
	}
	l.index.entries.remove(l.key)
	return true
}

func (l *listed[I, K]) len() int {
	if l.unapplied == nil {
		return len(l.keys)
	}
	return len(l.keys) + l.unapplied.growth
}

func (l *listed[I, K]) find(k K) (at int, found bool) {
	return slices.BinarySearchFunc(l.keys, k, l.index.compare)
}

func (l *listed[I, K]) has(k K) bool {
	if l.unapplied != nil {
		if present, ok := l.unapplied.changes[k]; ok {
			return present
		}
	}
	_, found := l.find(k)
	return found
}

// put adds an absent k if present is true, and removes a present k if not.
func (l *listed[I, K]) put(k K, present bool) {
	switch {
	case l.unapplied == nil && len(l.keys) <= fewKeys:
		l.replace(k, present)
		return
	case l.unapplied == nil:
		l.unapplied = &unapplied[K]{changes: map[K]bool{}}
	}
	l.unapplied.put(k, present)
	if len(l.unapplied.changes) > len(l.keys) {
		l.sorted()
	}
}

func (b *unapplied[K]) put(k K, present bool) {
	if present {
		b.growth++
	} else {
		b.growth--
	}
	if _, opposite := b.changes[k]; opposite {
		delete(b.changes, k)
		return
	}
	b.changes[k] = present
}

// replace applies a change at once.
func (l *listed[I, K]) replace(k K, present bool) {
	at, _ := l.find(k)
	if present {
		l.keys = slices.Concat(l.keys[:at], []K{k}, l.keys[at:])
	} else {
		l.keys = slices.Concat(l.keys[:at], l.keys[at+1:])
	}
}

// sorted returns the keys in order, and applies the changes that wait.
func (l *listed[I, K]) sorted() []K {
	b := l.unapplied
	if b == nil {
		return l.keys
	}
	l.unapplied = nil
	if len(b.changes) > 0 {
		l.keys = b.merge(l.keys, l.index.compare)
	}
	return l.keys
}

// merge returns the keys with the changes applied.
func (b *unapplied[K]) merge(keys []K, compare func(x, y K) int) []K {
	added := slices.SortedFunc(func(yield func(K) bool) {
		for k, present := range b.changes {
			if present && !yield(k) {
				return
			}
		}
	}, compare)
	merged := make([]K, 0, len(keys)+b.growth)
	for _, k := range keys {
		if _, removed := b.changes[k]; removed {
			continue
		}
		for len(added) > 0 && compare(added[0], k) < 0 {
			merged, added = append(merged, added[0]), added[1:]
		}
		merged = append(merged, k)
	}
	return append(merged, added...)
}
