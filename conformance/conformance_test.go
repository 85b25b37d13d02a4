//go:build conformance || local || kind

package conformance_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"contour.example/conformance"
	"contour.example/conformance/suite"
)

// plan is the tests to run, options what it was made from, and running ends with an interrupt. Set once, before they run.
var (
	plan    *suite.Plan
	options suite.Options
	running context.Context
)

// timeout is for the whole run: unlike the timeout of go test, it still removes the cluster.
const timeout = 50 * time.Minute

func TestMain(m *testing.M) {
	bounded, cancel := context.WithTimeout(context.Background(), timeout)
	var stop context.CancelFunc
	running, stop = signal.NotifyContext(bounded, os.Interrupt, syscall.SIGTERM)
	code, err := start(running, m)
	stop()
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		code = 1
	}
	os.Exit(code)
}

// start parses the flags; -tests specifies how many tests run at a time, since they wait more than they compute.
func start(ctx context.Context, m *testing.M) (int, error) {
	options.Register(flag.CommandLine)
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(options.Parallel)); err != nil {
		return 0, err
	}
	suites, err := conformance.Suites()
	if err != nil {
		return 0, err
	}
	if err := options.Check(suites); err != nil {
		return 0, err
	}
	return run(ctx, m, options, suites)
}

func TestConformance(t *testing.T) {
	tests := plan.Tests()
	results := make([]suite.Result, len(tests))
	t.Cleanup(func() { writeReports(t, results) })
	for i, test := range tests {
		t.Run(test.Name, func(t *testing.T) {
			if !test.Alone {
				t.Parallel()
			}
			results[i] = plan.Runner.Run(running, test)
			check(t, results[i])
		})
	}
}

func check(t *testing.T, r suite.Result) {
	t.Helper()
	switch r.Outcome {
	case suite.Failed:
		t.Errorf("%s\n%s", r.Test.Sentence, r.Reason)
	case suite.Skipped:
		t.Skip(r.Reason)
	case suite.Passed:
	}
}

// writeReports leaves out tests that -run did not choose. After an interrupt there is no report.
func writeReports(t *testing.T, results []suite.Result) {
	if running.Err() != nil {
		return
	}
	for _, report := range plan.Reports(results) {
		t.Log(report)
		if options.Report == "" {
			continue
		}
		if err := report.Write(options.Report); err != nil {
			t.Error(err)
		}
	}
}
