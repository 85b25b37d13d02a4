package statuswriter

import "time"

// pace limits the number of concurrent writes. Live objects may use all workers, until the API server reports overload.
// The backlog uses as many as do not cause a queue in the API server: a write that takes much longer than the fastest
// one has waited in a queue, and so have the requests of other clients.
type pace struct {
	workers float64
	all     float64 // maximum of concurrent writes; halved at each overload
	backlog float64 // maximum of these for the backlog

	fastest, usual time.Duration // durations of recent writes; 0: none yet
	fastestNow     time.Duration // since samples was last reset
	samples        int

	until time.Time     // no write starts before
	pause time.Duration // the last one; 0 after a successful write
}

// Bounds of the pace.
const (
	initialBacklog = 4
	minBacklog     = 2
	fewQueued      = 2    // writes in the queue of the API server, below which the limit grows
	manyQueued     = 4    // above which the limit shrinks
	sampleWindow   = 1000 // writes after which the fastest one no longer counts

	minPause = 100 * time.Millisecond // after an overload, unless the API server requests a longer one
	maxPause = 4 * time.Second        // bounds how long users wait after the overload has ended
)

func newPace(workers int) *pace {
	return &pace{workers: float64(workers), all: float64(workers), backlog: min(initialBacklog, float64(workers))}
}

// succeeded records a successful write, its duration, and the number of concurrent writes of the backlog.
func (p *pace) succeeded(took time.Duration, backlog int) {
	p.pause = 0
	p.all = min(p.all+1/p.all, p.workers)
	p.measure(took)
	if backlog < int(p.backlog) {
		return // below the limit, so the duration does not show whether more are possible
	}
	queued := p.backlog * (1 - float64(p.fastest)/float64(max(p.usual, p.fastest)))
	switch {
	case queued < fewQueued:
		p.backlog = min(p.backlog+1/p.backlog, p.workers)
	case queued > manyQueued:
		p.backlog = max(p.backlog-1/p.backlog, min(minBacklog, p.workers))
	}
}

// measure records the duration of a write.
func (p *pace) measure(took time.Duration) {
	took = max(took, 1)
	if p.samples == 0 || took < p.fastestNow {
		p.fastestNow = took
	}
	if p.fastest == 0 || took < p.fastest {
		p.fastest = took
	}
	if p.usual == 0 {
		p.usual = took
	}
	p.usual += (took - p.usual) / 8
	if p.samples++; p.samples == sampleWindow {
		p.samples, p.fastest = 0, p.fastestNow
	}
}

// overloaded records that the API server has rejected a write because of overload, or was unavailable. It reports whether
// this is the first such error since the last successful write.
func (p *pace) overloaded(now time.Time, retryAfter time.Duration) bool {
	first := p.pause == 0
	if now.Before(p.until) { // the write started before the pause
		p.pauseUntil(now.Add(retryAfter))
		return first
	}
	p.all, p.backlog = max(p.all/2, 1), max(p.backlog/2, 1)
	p.pause = min(max(2*p.pause, minPause), maxPause)
	p.pauseUntil(now.Add(max(retryAfter, jitter(p.pause))))
	return first
}

func (p *pace) pauseUntil(until time.Time) {
	if until.After(p.until) {
		p.until = until
	}
}
