// Command bench measures a controller: the cost of changes and the latency until requests observe them.
//
//	bench -n 1000 -n 10000 -runs 3 -o bench.json -html bench.html
//	bench -n 1000 -controller 'PROGRAM --kubeconfig={kubeconfig} --xds-port={xds-port} ...'
//	bench -kubeconfig FILE -envoy-address 10.0.0.1:80 -backend-ip 10.0.0.2 -controller-pid 1 -envoy-pid 2
//	bench -render bench.json -compare other.json -html bench.html
//
// Without -kubeconfig it starts an API server, the controller and Envoy, once for each run. With it, it
// measures whatever controller serves that cluster. Each measure is a line on standard output, and a table follows.
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
	"contour.example/harness/bench/proc"
	"contour.example/harness/bench/report"
	"contour.example/harness/bench/result"
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
	if c.render != "" {
		read, err := result.ReadJSON(c.render)
		if err != nil {
			return err
		}
		err = c.writePage(read)
		result.WriteTable(stdout, read)
		return err
	}
	r, err := c.measureAll(ctx, stdout)
	result.WriteTable(stdout, r)
	if err != nil {
		return err
	}
	if failed := r.Failed(); failed > 0 {
		return fmt.Errorf("%d measures failed", failed)
	}
	return nil
}

// measureAll measures all sizes. The report is saved after each, so that an error does not lose earlier results.
func (c *command) measureAll(ctx context.Context, stdout io.Writer) (result.Report, error) {
	r := result.Report{
		Name: c.name, Date: time.Now().UTC().Round(time.Second), Machine: proc.ThisMachine(),
		Parameters: c.parameters(), Note: c.note,
	}
	for _, n := range c.sizes {
		c.options.N = n
		var runs []result.Size
		for range c.runs {
			size, versions, err := c.measure(ctx, stdout)
			if runs = append(runs, size); err != nil {
				return r, fmt.Errorf("n = %d: %w", n, errors.Join(err, c.save(r, runs)))
			}
			r.Versions = versions
		}
		if err := c.save(r, runs); err != nil {
			return r, err
		}
		r.Runs = append(r.Runs, result.Median(runs))
	}
	return r, nil
}

// measure measures one size once. If there is an error, the result contains what has been measured before.
func (c *command) measure(ctx context.Context, stdout io.Writer) (result.Size, map[string]string, error) {
	size := result.Size{N: c.options.N, API: string(c.options.API)}
	t, versions, stop, err := c.target(ctx)
	if err != nil {
		return size, nil, err
	}
	versions["kubernetes"] = bench.ServerVersion(ctx, t.Config)
	result.WriteHeading(stdout, size)
	size.Measures, err = bench.Run(ctx, t, c.options, func(m result.Measure) { result.WriteLine(stdout, m) })
	return size, versions, errors.Join(err, stop())
}

// save writes the report with one more size.
func (c *command) save(r result.Report, runs []result.Size) error {
	r.Runs = append(r.Runs, result.Median(runs))
	if c.output != "" {
		if err := r.WriteJSON(c.output); err != nil {
			return err
		}
	}
	return c.writePage(r)
}

// writePage renders the report, compared with another one if requested.
func (c *command) writePage(r result.Report) (err error) {
	if c.page == "" {
		return nil
	}
	var other *result.Report
	if c.compare != "" {
		read, err := result.ReadJSON(c.compare)
		if err != nil {
			return err
		}
		other = &read
	}
	file, err := os.Create(c.page)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return report.Write(file, r, other)
}
