package statuswriter

import "time"

// pace is how many writes the API server gets at a time. What users wait for gets as many as there are workers, until
// the API server says that it is overloaded. The backlog, which nobody waits for, gets as many as make it work
// without a queue there: a write that takes much longer than the fastest one has waited, and so has everything else.
type pace struct {
	workers float64
	all     float64 // writes at a time, at most; halved at each overload
	backlog float64 // of these, of the backlog

	fastest, usual time.Duration // of the writes of late; 0: none yet
	fastestNow     time.Duration // since samples were last counted from 0
	samples        int

	until time.Time     // no write before
	pause time.Duration // the last one, while it has not worked since
}

// Bounds of the pace.
const (
	backlogAtFirst = 4
	backlogAtLeast = 2
	fewQueued      = 2    // writes that wait in the API server: room for more
	manyQueued     = 4    // too many
	forgetAfter    = 1000 // writes after which the fastest one is forgotten

	firstRest = 100 * time.Millisecond // when overloaded, unless the API server says how long
	lastRest  = 4 * time.Second        // what is longer, users wait for once it is over
)

func newPace(workers int) *pace {
	return &pace{workers: float64(workers), all: float64(workers), backlog: min(backlogAtFirst, float64(workers))}
}

// worked notes that the API server has handled a write, in that time, with so many of the backlog at once.
func (p *pace) worked(took time.Duration, backlog int) {
	p.pause = 0
	p.all = min(p.all+1/p.all, p.workers)
	p.time(took)
	if backlog < int(p.backlog) {
		return // that so few are no burden says nothing about more
	}
	queued := p.backlog * (1 - float64(p.fastest)/float64(max(p.usual, p.fastest)))
	switch {
	case queued < fewQueued:
		p.backlog = min(p.backlog+1/p.backlog, p.workers)
	case queued > manyQueued:
		p.backlog = max(p.backlog-1/p.backlog, min(backlogAtLeast, p.workers))
	}
}

// time notes how long a write took.
func (p *pace) time(took time.Duration) {
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
	if p.samples++; p.samples == forgetAfter {
		p.samples, p.fastest = 0, p.fastestNow
	}
}

// overloaded notes that the API server has refused a write, or was not there, for reasons that have nothing to do
// with the object. It reports whether that is news.
func (p *pace) overloaded(now time.Time, retryAfter time.Duration) bool {
	news := p.pause == 0
	if now.Before(p.until) { // of a write that was under way when the rest began
		p.rest(now.Add(retryAfter))
		return news
	}
	p.all, p.backlog = max(p.all/2, 1), max(p.backlog/2, 1)
	p.pause = min(max(2*p.pause, firstRest), lastRest)
	p.rest(now.Add(max(retryAfter, jitter(p.pause))))
	return news
}

func (p *pace) rest(until time.Time) {
	if until.After(p.until) {
		p.until = until
	}
}
