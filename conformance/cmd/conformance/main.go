// Command conformance runs the conformance tests against a controller in a cluster and exits with 1 if one fails.
//
//	conformance [-kubeconfig FILE] [-ingress-class NAME] [-report DIRECTORY] ...
//
// The backends of the tests are pods, and the address of the proxy is read from the cluster, unless flags specify others.
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
	suites, err := conformance.Suites()
	if err != nil {
		return err
	}
	plan, err := o.Plan(ctx, suites)
	if err != nil {
		return err
	}
	results := plan.Runner.All(ctx, plan.Tests(), o.Parallel, func(r suite.Result) {
		fmt.Fprintf(out, "%-8s %s (%s) %s\n", r.Outcome, r.Test.Name, r.Took.Round(time.Millisecond), r.Reason)
	})
	if ctx.Err() != nil {
		return errors.New("interrupted: there is no report")
	}
	return printReports(out, plan.Reports(results), o.Report)
}

// printReports prints the reports, and writes them to the directory if it has a name.
func printReports(out io.Writer, reports []suite.Report, dir string) error {
	var errs []error
	failed := 0
	for _, r := range reports {
		fmt.Fprintln(out, r)
		failed += r.Failed()
		if dir != "" {
			errs = append(errs, r.Write(dir))
		}
	}
	if failed > 0 {
		errs = append(errs, fmt.Errorf("%d tests failed", failed))
	}
	return errors.Join(errs...)
}
