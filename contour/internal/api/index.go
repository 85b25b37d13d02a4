package api

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"contour.example/contour/internal/memo"
)

const (
	// scanStep is the number of keys of a table that are read between two batches: about 20 microseconds.
	scanStep = 512
	// maxUnread is how many changes an index keeps for the next reader before it is dropped, and maxIdle for how long.
	maxUnread = 10_000
	maxIdle   = 5 * time.Minute
	// fewChanges are inserted one by one; more are sorted.
	fewChanges = 64
	// maxVisited bounds the entries that are compared with the filter of a page.
	maxVisited = 10_000
	// yieldStep is the number of entries after which a reader lets others run.
	yieldStep = 1024
)

// index is the entries of a derived table in the order of their keys. It exists from the first reader on, until the changes that no reader asks for are too
// many or too old; then the next reader makes it again.
type index[K comparable, V any] struct {
	compare func(a, b K) int
	// scan passes all entries to add, in steps that the pipeline waits for; false if the context ended before.
	scan func(ctx context.Context, add func(K, V)) bool

	now func() time.Time

	feed      sync.Mutex // of what the pipeline writes; held for as long as it takes to append
	following bool
	changes   []memo.Change[K, V]
	read      time.Time

	mu      sync.Mutex // of readers
	entries []indexed[K, V]
}

type indexed[K comparable, V any] struct {
	key   K
	value V
}

func newIndex[K comparable, V any](compare func(a, b K) int, scan func(context.Context, func(K, V)) bool, now func() time.Time) *index[K, V] {
	return &index[K, V]{compare: compare, scan: scan, now: now}
}

// follow appends changes, if there is an index.
func (ix *index[K, V]) follow(changes []memo.Change[K, V]) {
	if len(changes) == 0 {
		return
	}
	ix.feed.Lock()
	defer ix.feed.Unlock()
	if !ix.following {
		return
	}
	if len(ix.changes)+len(changes) <= maxUnread && ix.now().Sub(ix.read) < maxIdle {
		ix.changes = append(ix.changes, changes...)
		return
	}
	ix.following, ix.changes = false, nil
	if ix.mu.TryLock() { // else a reader is about to find out
		ix.entries = nil
		ix.mu.Unlock()
	}
}

// update applies what has changed, or makes the index. The caller holds mu. It returns false if the context ended before.
func (ix *index[K, V]) update(ctx context.Context) bool {
	ix.feed.Lock()
	had, changes := ix.following, ix.changes
	ix.following, ix.changes, ix.read = true, nil, ix.now()
	ix.feed.Unlock()
	if had {
		ix.apply(changes)
		return true
	}
	ix.entries = nil
	all := map[K]V{} // a scan may visit a key twice
	if !ix.scan(ctx, func(k K, v V) { all[k] = v }) {
		ix.feed.Lock()
		ix.following, ix.changes = false, nil
		ix.feed.Unlock()
		return false
	}
	ix.replace(all)
	ix.feed.Lock()
	had, changes = ix.following, ix.changes
	ix.changes = nil
	ix.feed.Unlock()
	if !had { // too many changes meanwhile: the entries are those of the scan, and the next reader makes the index again
		return true
	}
	ix.apply(changes)
	return true
}

func (ix *index[K, V]) replace(all map[K]V) {
	ix.entries = make([]indexed[K, V], 0, len(all))
	for k, v := range all {
		ix.entries = append(ix.entries, indexed[K, V]{k, v})
	}
	slices.SortFunc(ix.entries, func(a, b indexed[K, V]) int { return ix.compare(a.key, b.key) })
}

func (ix *index[K, V]) find(k K) (int, bool) {
	return slices.BinarySearchFunc(ix.entries, k, func(e indexed[K, V], k K) int { return ix.compare(e.key, k) })
}

func (ix *index[K, V]) apply(changes []memo.Change[K, V]) {
	if len(changes) > fewChanges {
		all := make(map[K]V, len(ix.entries))
		for _, e := range ix.entries {
			all[e.key] = e.value
		}
		for _, c := range changes {
			if c.New == nil {
				delete(all, c.Key)
			} else {
				all[c.Key] = *c.New
			}
		}
		ix.replace(all)
		return
	}
	for _, c := range changes {
		i, found := ix.find(c.Key)
		switch {
		case c.New == nil && found:
			ix.entries = slices.Delete(ix.entries, i, i+1)
		case c.New == nil:
		case found:
			ix.entries[i].value = *c.New
		default:
			ix.entries = slices.Insert(ix.entries, i, indexed[K, V]{c.Key, *c.New})
		}
	}
}

// page returns up to limit entries that match, after a key or from the start (nil), and the key after which the next page begins, nil if there is
// none. It returns false if the context ended before.
func (ix *index[K, V]) page(ctx context.Context, after *K, limit int, match func(K, V) bool) (found []indexed[K, V], next *K, ok bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if !ix.update(ctx) {
		return nil, nil, false
	}
	start := 0
	if after != nil {
		at, exact := ix.find(*after)
		if start = at; exact {
			start++
		}
	}
	for i, e := range ix.entries[start:] {
		if i%yieldStep == yieldStep-1 {
			runtime.Gosched()
		}
		if i == maxVisited {
			return found, new(ix.entries[start+i-1].key), true
		}
		if !match(e.key, e.value) {
			continue
		}
		if len(found) == limit {
			return found, new(ix.entries[start+i-1].key), true
		}
		found = append(found, e)
	}
	return found, nil, true
}

// all returns a copy of all entries. It returns false if the context ended before.
func (ix *index[K, V]) all(ctx context.Context) ([]indexed[K, V], bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if !ix.update(ctx) {
		return nil, false
	}
	return slices.Clone(ix.entries), true
}

// scanned is a table that is read in steps.
type scanned[K comparable, V any] interface {
	Scan(from memo.Cursor, n int, f func(K, V)) memo.Cursor
}

// scan passes the entries of a derived table to add. It reads scanStep of them between two batches.
func scan[K comparable, V any](ctx context.Context, a *API, of func(View) scanned[K, V], add func(K, V)) bool {
	rows := make([]indexed[K, V], 0, 2*scanStep)
	for at := (memo.Cursor{}); !at.Done(); {
		rows = rows[:0]
		read := func(v View) {
			at = of(v).Scan(at, scanStep, func(k K, v V) { rows = append(rows, indexed[K, V]{k, v}) })
		}
		if !a.Inspect(ctx, read) {
			return false
		}
		for _, r := range rows {
			add(r.key, r.value)
		}
	}
	return true
}
