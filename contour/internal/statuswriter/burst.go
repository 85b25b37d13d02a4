package statuswriter

import (
	"time"

	"contour.example/contour/internal/kobj"
)

// burst delays the statuses of many objects that change at once until they have changed: written meanwhile, each status would
// delay the next change in the API server. A change is part of a burst if many others have begun to be written since the last
// second began, so that it delays nobody who changes one object after the other and waits for each status; and if its
// namespace has several of them.
type burst struct {
	until     time.Time      // end of the period in which changes are counted
	parallel  int            // changes of the period that found several writes in progress, or objects that are held
	namespace map[string]int // changes of the period by namespace

	held []delayed // in the order of their times: those at which they wait no longer
	last time.Time // when an object was last held
}

// Bounds of a burst.
const (
	burstPeriod    = time.Second
	burstWrites    = 4                     // writes in progress that make a change parallel
	burstSize      = 32                    // parallel changes in a period before others are held
	burstNamespace = 8                     // changes of a namespace in a period before others of it are held
	burstPause     = 50 * time.Millisecond // without a change, after which the burst is over
	longestHold    = time.Second
)

// add counts a change while a number of objects are being processed, and reports whether the object is to be held.
func (b *burst) add(k kobj.Key, now time.Time, running int) bool {
	if !now.Before(b.until) {
		b.until, b.parallel = now.Add(burstPeriod), 0
		b.namespace = map[string]int{}
	}
	b.namespace[k.Namespace]++
	if running >= burstWrites || len(b.held) > 0 {
		b.parallel++
	}
	return (len(b.held) > 0 || b.parallel > burstSize) && b.namespace[k.Namespace] > burstNamespace
}

// hold holds an object.
func (b *burst) hold(k kobj.Key, now time.Time) {
	b.held, b.last = append(b.held, delayed{k, now.Add(longestHold)}), now
}

// due returns when objects may have to be released; zero if none are held.
func (b *burst) due() time.Time {
	if len(b.held) == 0 {
		return time.Time{}
	}
	if over := b.last.Add(burstPause); over.Before(b.held[0].at) {
		return over
	}
	return b.held[0].at
}

// release returns the objects that are no longer held: all of them when the burst is over.
func (b *burst) release(now time.Time) []kobj.Key {
	n := 0
	over := !now.Before(b.last.Add(burstPause))
	var keys []kobj.Key
	for ; n < len(b.held) && (over || !b.held[n].at.After(now)); n++ {
		keys = append(keys, b.held[n].key)
	}
	if b.held = b.held[n:]; len(b.held) == 0 {
		b.held = nil
	}
	return keys
}
