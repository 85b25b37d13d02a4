package suite

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

// DefaultTimeout bounds the time until an expectation is true: much longer than any controller
// should need, because the machine may be busy.
const DefaultTimeout = 30 * time.Second

// Runner runs tests. It is safe for concurrent use.
type Runner struct {
	Kube *kube.Client
	// Traffic sends requests to the proxy's two listeners.
	Traffic  traffic.Client
	Backends Backends
	// CA signs the certificates of tests.
	CA *pki.CA
	// Class is the controller's class; it is set in objects without one. If empty, objects are not changed.
	Class string
	// Features are the extended features that the controller claims; nil is all.
	Features []string
	// Improvements also runs tests of what is better than the documented API.
	Improvements bool
	// Skips are names of tests that are not run, with the reason.
	Skips map[string]string
	// RateLimitService is namespace/name of the ExtensionService that the configuration of the controller names for global rate
	// limits, with domain conformance; empty if there is none. Its namespace exists.
	RateLimitService string
	// Timeout is for one expectation, DefaultTimeout if 0.
	Timeout time.Duration
}

// Outcome of a test.
type Outcome string

const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Result is the outcome of a test.
type Result struct {
	Test    Test
	Outcome Outcome
	// Reason is why it was skipped, or what was observed instead.
	Reason string
	Took   time.Duration
}

// Run runs one test, unless it is to be skipped.
func (r *Runner) Run(ctx context.Context, test Test) Result {
	if reason := r.skip(test); reason != "" {
		return Result{Test: test, Outcome: Skipped, Reason: reason}
	}
	start := time.Now()
	t := &T{ctx: ctx, runner: r, timeout: r.Timeout}
	if t.timeout == 0 {
		t.timeout = DefaultTimeout
	}
	t.prepare(test)
	if t.err == nil {
		test.Run(t)
	}
	t.cleanUp()
	result := Result{Test: test, Outcome: Passed, Took: time.Since(start)}
	if t.err != nil {
		result.Outcome, result.Reason = Failed, t.err.Error()
	}
	return result
}

// All runs all tests, those that must run alone first, the others parallel at a time. It calls
// done with each result (one at a time) and returns them in the order of the tests.
func (r *Runner) All(ctx context.Context, tests []Test, parallel int, done func(Result)) []Result {
	results := make([]Result, len(tests))
	var mu sync.Mutex
	run := func(i int) {
		results[i] = r.Run(ctx, tests[i])
		mu.Lock()
		defer mu.Unlock()
		done(results[i])
	}
	for i, t := range tests {
		if t.Alone {
			run(i)
		}
	}
	var wait sync.WaitGroup
	slots := make(chan struct{}, max(1, parallel))
	for i, t := range tests {
		if t.Alone {
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			run(i)
		})
	}
	wait.Wait()
	return results
}

// skip returns why the test is not run, or "".
func (r *Runner) skip(t Test) string {
	if reason, ok := r.Skips[t.Name]; ok {
		return reason
	}
	if t.Improvement != "" && !r.Improvements {
		return "improvements were not requested"
	}
	if t.RateLimits && r.RateLimitService == "" {
		return "the controller has no rate limit service, or -rate-limit-service does not name it"
	}
	for _, f := range t.Features {
		if f.Level == Extended && r.Features != nil && !slices.Contains(r.Features, f.Name) {
			return fmt.Sprintf("the feature %s is not claimed", f.Name)
		}
	}
	return ""
}
