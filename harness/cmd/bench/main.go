// Command bench measures a controller: what changes cost and how soon requests see them.
//
//	bench -n 1000 -n 10000 -o bench.json
//	bench -kubeconfig FILE -envoy-address 10.0.0.1:80 -backend-ip 10.0.0.2 -controller-pid 1 -envoy-pid 2
//
// Without -kubeconfig it starts an API server, contour serve and Envoy itself, anew for each size. With it, it
// measures whatever controller serves that cluster. Each measure is a line on standard output.
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

	"contour.example/harness/bench"
	"contour.example/harness/bench/figure"
	"contour.example/harness/bench/proc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	report := figure.Report{Date: time.Now().UTC().Round(time.Second), Machine: proc.ThisMachine(), Note: c.note}
	for _, n := range c.sizes {
		c.options.N = n
		size, versions, err := measure(ctx, c, stdout)
		report.Runs, report.Versions = append(report.Runs, size), versions
		if err := errors.Join(err, save(report, c.output)); err != nil {
			return fmt.Errorf("n = %d: %w", n, err)
		}
	}
	if failed := report.Failed(); failed > 0 {
		return fmt.Errorf("%d measures failed", failed)
	}
	return nil
}

// measure measures one size. What it has measured is in the result also if there is an error.
func measure(ctx context.Context, c command, stdout io.Writer) (figure.Size, map[string]string, error) {
	target, versions, stop, err := c.target(ctx)
	if err != nil {
		return figure.Size{}, nil, err
	}
	size := figure.Size{N: c.options.N, API: string(c.options.API)}
	figure.WriteHeading(stdout, size)
	size.Measures, err = bench.Run(ctx, target, c.options, func(m figure.Measure) { figure.WriteLine(stdout, m) })
	return size, versions, errors.Join(err, stop())
}

func save(r figure.Report, path string) error {
	if path == "" {
		return nil
	}
	return r.WriteJSON(path)
}
