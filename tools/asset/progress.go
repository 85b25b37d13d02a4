package asset

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressEvery is the longest interval between two lines of progress.
const progressEvery = 5 * time.Second

// progress logs the steps of building an asset: a line at every change
// of the status, and one every few seconds in between.
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
		status: "waiting for another process that builds it",
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

// report changes the status and prints it.
func (p *progress) report(status string) {
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
