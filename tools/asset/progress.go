package asset

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressEvery is how long a person waits at most for a sign of life.
const progressEvery = 5 * time.Second

// progress tells the log what is being done to an asset: a line at every change
// of what it does, and one every few seconds in between.
type progress struct {
	log   io.Writer
	title string
	start time.Time
	done  chan struct{}
	ended sync.WaitGroup

	mu     sync.Mutex
	status string
}

func startProgress(log io.Writer, a Asset) *progress {
	p := &progress{
		log:    log,
		title:  a.Name + " " + a.Version,
		start:  time.Now(),
		done:   make(chan struct{}),
		status: "waiting for another process that makes it",
	}
	p.ended.Go(p.run)
	return p
}

func (p *progress) run() {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.print()
		case <-p.done:
			return
		}
	}
}

// set changes the status without a line of its own.
func (p *progress) set(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = fmt.Sprintf(format, args...)
}

// say changes the status and prints it.
func (p *progress) say(status string) {
	p.set("%s", status)
	p.print()
}

func (p *progress) print() {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.log, "%s: %s (%s)\n", p.title, p.status, time.Since(p.start).Round(time.Second))
}

func (p *progress) stop() {
	close(p.done)
	p.ended.Wait()
}
