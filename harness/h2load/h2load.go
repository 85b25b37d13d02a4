// Package h2load sends requests with h2load, the load generator of nghttp2.
//
// In goes what to ask for and how often; out comes how long that took. Connections stay open, and each has one
// request in flight. An answer that is no success is an error: what a failing server costs is nothing to compare.
package h2load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"contour.example/harness/debian"
	"contour.example/harness/progress"
)

// Load is requests for one URL.
type Load struct {
	// URL has the host that is asked for; At is the host:port to connect to.
	URL, At string
	// HTTP1 has the requests sent by HTTP/1.1; else it is HTTP/2, without TLS with prior knowledge.
	HTTP1 bool
	// Connections are open at a time, and Requests is how many are sent over all of them.
	Connections, Requests int
}

// Need makes sure that h2load is installed, if need be with Debian's package, which only root can install.
func Need(ctx context.Context, log progress.Log) error {
	return debian.Need(ctx, log, map[string]string{"h2load": "nghttp2-client"})
}

// Run sends the requests and returns how long that took, without what the connections took to be made.
func (l Load) Run(ctx context.Context) (time.Duration, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "h2load", l.args()...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("h2load: %w\n%s", err, stderr.Bytes())
	}
	return took(string(out), l.Requests)
}

func (l Load) args() []string {
	args := []string{
		"--clients=" + strconv.Itoa(l.Connections), "--requests=" + strconv.Itoa(l.Requests),
		"--max-concurrent-streams=1", "--connect-to=" + l.At,
	}
	if l.HTTP1 {
		args = append(args, "--h1")
	}
	return append(args, l.URL)
}

// took reads the report of h2load, which is an error unless all requests succeeded.
func took(report string, requests int) (time.Duration, error) {
	succeeded := regexp.MustCompile(`(?m)^requests: .* (\d+) succeeded, .*$`).FindStringSubmatch(report)
	finished := regexp.MustCompile(`(?m)^finished in ([0-9.]+m?s),`).FindStringSubmatch(report)
	if succeeded == nil || finished == nil {
		return 0, fmt.Errorf("h2load: no such report is known: %q", report)
	}
	if succeeded[1] != strconv.Itoa(requests) {
		return 0, errors.New("h2load: " + succeeded[0])
	}
	d, err := time.ParseDuration(finished[1])
	if err != nil {
		return 0, fmt.Errorf("h2load: %w", err)
	}
	return d, nil
}
