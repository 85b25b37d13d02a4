// Command dashboards evaluates every query of Grafana dashboards on scrapes of a running system, with the engine of
// Prometheus, and fails if one has no result.
//
//	dashboards DIRECTORY SCRAPE ...
//
// DIRECTORY contains the dashboards, *.json. Each SCRAPE is a file in the text format of Prometheus, with a name
// <job>-<number>.prom; those with a higher number are later.
package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: dashboards DIRECTORY SCRAPE ...")
		os.Exit(2)
	}
	problems, err := check(context.Background(), os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

// check returns what is wrong with the queries of the dashboards in a directory.
func check(ctx context.Context, dir string, files []string) (problems []string, err error) {
	queries, err := read(dir)
	if err != nil {
		return nil, err
	}
	scraped := scrapes{}
	var last time.Time
	for _, file := range files {
		at, err := scraped.add(file)
		if err != nil {
			return nil, err
		}
		if at.After(last) {
			last = at
		}
	}
	for _, q := range queries {
		if problem := scraped.evaluate(ctx, q.text, last); problem != "" {
			problems = append(problems, fmt.Sprintf("%s: %s: %s: %s", q.dashboard, q.panel, q.text, problem))
		}
	}
	return problems, nil
}
