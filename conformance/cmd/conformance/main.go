// Command conformance runs the conformance tests against a controller in a cluster and ends with 1 if one fails.
//
//	conformance -kubeconfig FILE -address HOST:PORT -https-address HOST:PORT -backend-ip IP [-report FILE]
//
// The proxy must be able to reach the IP: the backends of the tests are in this process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"contour.example/conformance"
	"contour.example/conformance/suite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o suite.Options
	fs := flag.NewFlagSet("conformance", flag.ExitOnError)
	o.Register(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	tests, err := conformance.Tests()
	if err != nil {
		return err
	}
	if err := o.Check(tests); err != nil {
		return err
	}
	runner, err := o.Runner()
	if err != nil {
		return err
	}
	results := runner.All(ctx, tests, o.Parallel, func(r suite.Result) {
		fmt.Fprintf(out, "%-8s %s (%s) %s\n", r.Outcome, r.Test.Name, r.Took.Round(time.Millisecond), r.Reason)
	})
	if ctx.Err() != nil {
		return errors.New("interrupted: there is no report")
	}
	report := suite.NewReport(o.Implementation, results)
	fmt.Fprintln(out, report)
	if o.Report != "" {
		err = report.Write(o.Report)
	}
	return errors.Join(err, verdict(report))
}

func verdict(r suite.Report) error {
	if failed := r.Core.Failed + r.Extended.Failed + r.Improvements.Failed; failed > 0 {
		return fmt.Errorf("%d tests failed", failed)
	}
	return nil
}
