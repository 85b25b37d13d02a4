package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"contour.example/harness/traffic"
)

// Options describe a load.
type Options struct {
	Client traffic.Client
	// Request is sent each time.
	Request traffic.Request
	// Rate is requests per second, more than 0.
	Rate float64
	// Duration ends the load; 0 is until Stop.
	Duration time.Duration
	// MaxInFlight bounds the requests that wait for their answers at a time; 0 is one second's worth, at least 100.
	MaxInFlight int
	// Check returns what is wrong with an answer, as one of few different texts, or "".
	// Nil accepts any status below 400.
	Check func(traffic.Answer) string
	// Send, if it is not nil, sends a request of its own, in place of Client, Request and Check, for requests that differ from each other.
	// It returns how long the answer took, and what is wrong with it, as one of few different texts, or "".
	Send func(context.Context) (took time.Duration, wrong string)
}

// tick is how often requests that are due are sent.
const tick = time.Millisecond

// Load is a running load.
type Load struct {
	options   Options
	transport *http.Transport
	cancel    context.CancelFunc
	done      chan struct{}
	slots     chan struct{}
	inFlight  sync.WaitGroup

	mu     sync.Mutex
	report Report
}

// Start begins to send. Always call Stop or Wait.
func Start(ctx context.Context, o Options) *Load {
	if o.Request.Method == "" {
		o.Request.Method = http.MethodPost
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = max(100, int(o.Rate))
	}
	if o.Check == nil {
		o.Check = checkStatus
	}
	ctx, cancel := context.WithCancel(ctx)
	transport := o.Client.Transport(o.Request)
	transport.MaxIdleConnsPerHost = o.MaxInFlight
	l := &Load{
		options: o, transport: transport, cancel: cancel,
		done: make(chan struct{}), slots: make(chan struct{}, o.MaxInFlight),
		report: Report{Failures: map[string]int{}, Backends: map[string]int{}},
	}
	go l.run(ctx)
	return l
}

// Run is Start and Wait.
func Run(ctx context.Context, o Options) Report { return Start(ctx, o).Wait() }

// Wait returns the report when the duration is over and all answers have been received.
func (l *Load) Wait() Report {
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.report
}

// Stop ends the load early; requests that were sent are still answered.
func (l *Load) Stop() Report {
	l.cancel()
	return l.Wait()
}

// run sends what is due at each tick.
func (l *Load) run(ctx context.Context) {
	defer close(l.done)
	defer l.cancel()
	defer l.transport.CloseIdleConnections()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	start, sent := time.Now(), 0
	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case <-ticker.C:
			elapsed := time.Since(start)
			if l.options.Duration > 0 && elapsed >= l.options.Duration {
				elapsed, running = l.options.Duration, false
			}
			for due := int(elapsed.Seconds() * l.options.Rate); sent < due; sent++ {
				l.send(ctx, start)
			}
		}
	}
	l.inFlight.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Elapsed = time.Since(start)
}

// send starts one request unless too many are in flight.
func (l *Load) send(ctx context.Context, start time.Time) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.report.NotSent++
		return
	}
	ctx = context.WithoutCancel(ctx) // Stop does not cancel requests in flight
	l.inFlight.Go(func() {
		defer func() { <-l.slots }()
		if l.options.Send != nil {
			took, wrong := l.options.Send(ctx)
			l.recordOwn(took, wrong, time.Since(start))
			return
		}
		a, err := traffic.Do(ctx, l.transport, l.options.Request)
		l.record(a, err, time.Since(start))
	})
}

func (l *Load) record(a traffic.Answer, err error, at time.Duration) {
	kind := ""
	if err != nil {
		kind = ErrorKind(err)
	} else {
		kind = l.options.Check(a)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.report.latency.add(a.Took)
		countBounded(l.report.Backends, a.Backend())
	}
	l.report.count(kind, func() string { return sample(a, err, at) })
}

// recordOwn records a request of Options.Send.
func (l *Load) recordOwn(took time.Duration, wrong string, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.latency.add(took)
	l.report.count(wrong, func() string { return fmt.Sprintf("after %s: %s", at.Round(time.Millisecond), wrong) })
}

func sample(a traffic.Answer, err error, at time.Duration) string {
	if err != nil {
		return fmt.Sprintf("after %s: %v", at.Round(time.Millisecond), err)
	}
	return fmt.Sprintf("after %s: %s", at.Round(time.Millisecond), a)
}

// checkStatus is the default Check.
func checkStatus(a traffic.Answer) string {
	if a.Status >= http.StatusBadRequest {
		return fmt.Sprintf("status %d", a.Status)
	}
	return ""
}

// ErrorKind maps errors of requests to few kinds.
func ErrorKind(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case strings.Contains(err.Error(), "EOF"):
		return "connection closed"
	case strings.Contains(err.Error(), "tls:"):
		return "TLS"
	default:
		return "other error"
	}
}
