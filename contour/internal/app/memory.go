package app

import (
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// gcPercent is GOGC: the garbage, in percent of the live heap, at which a collection starts. Nearly all that the
	// controller has in memory stays there, and a change leaves little behind. With Go's default of 100, 25,000 HTTPProxies
	// take a quarter more memory than with 25. With 15 instead of 25, 10,000 HTTPProxies take 5 MiB less at rest and 8 MiB less
	// at most (of 156); the CPU of changes is the same, and loading them costs 3 of 19 s more (make bench).
	gcPercent = 15
	// busyGCPercent replaces it while collections follow each other closely: one large change leaves behind as much as thousands of
	// small ones, and collections would make it, and all that waits for it, take several times as long.
	busyGCPercent = 75
)

// Collections are close if gcBurst of them are in gcBurstTime. They are no longer after gcCalmTime without as many.
const (
	gcBurst     = 6
	gcBurstTime = time.Second
	gcCalmTime  = 5 * time.Second
)

// limitGarbage sets gcPercent, and busyGCPercent when it is needed, unless the environment sets GOGC. GOMEMLIMIT keeps its effect.
func limitGarbage(env func(string) string) {
	if env("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcPercent)
	p := &gcPace{set: func(percent int) { debug.SetGCPercent(percent) }, calm: time.AfterFunc(gcCalmTime, endBusyGC)}
	afterEachCollection(p.collected)
}

// endBusyGC sets gcPercent again, and returns the memory that the garbage of the busy time took.
func endBusyGC() {
	debug.SetGCPercent(gcPercent)
	debug.FreeOSMemory()
}

// afterEachCollection calls f after each collection, on the goroutine of finalizers.
func afterEachCollection(f func(time.Time)) {
	type sentinel struct{ _ [16]byte } // too large to share its memory with others
	var again func(*sentinel)
	again = func(*sentinel) {
		f(time.Now())
		runtime.SetFinalizer(&sentinel{}, again)
	}
	runtime.SetFinalizer(&sentinel{}, again)
}

// gcPace adapts the percentage to the rate of collections.
type gcPace struct {
	set  func(percent int)
	calm *time.Timer // resets the percentage

	recent [gcBurst]time.Time // of the last collections, oldest overwritten first
	next   int
}

// collected records a collection.
func (p *gcPace) collected(now time.Time) {
	first := p.recent[p.next]
	p.recent[p.next] = now
	p.next = (p.next + 1) % gcBurst
	if now.Sub(first) < gcBurstTime {
		p.set(busyGCPercent)
		p.calm.Reset(gcCalmTime)
	}
}
