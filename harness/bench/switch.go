package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"contour.example/harness/bench/result"
	"contour.example/harness/load"
	"contour.example/harness/traffic"
)

// switchServices changes the Service of a host under load, and deletes the old one as soon as the
// API server has accepted the change, whether or not the change is served yet. The backends stay, so
// every request can be answered: each one that fails is a fault of the switch.
func (b *bench) switchServices(ctx context.Context) error {
	s := &switcher{bench: b, name: "switch"}
	if err := s.start(ctx); err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	running := load.Start(ctx, load.Options{
		Client:  traffic.Client{HTTP: b.target.HTTP},
		Request: traffic.Request{Host: s.want().host, Path: s.want().path, Timeout: b.Timeout},
		Rate:    b.Rate,
	})
	var taken []time.Duration
	var err error
	for len(taken) < b.Switches && err == nil {
		var d time.Duration
		if d, err = s.next(ctx); err == nil {
			taken = append(taken, d)
		}
	}
	report := running.Stop()
	b.recorder.Latencies("switch seen by a request", taken)
	b.recorder.Count("requests", report.Sent)
	b.recorder.Value("failed requests", "", float64(report.Failed()), kinds(report.Failures))
	b.recorder.Count("requests not sent for lack of answers", report.NotSent)
	b.recorder.Value("latency of requests, p50", "ms", result.Milliseconds(report.Latency(0.5)), "")
	b.recorder.Value("latency of requests, p99", "ms", result.Milliseconds(report.Latency(0.99)), "")
	return errors.Join(err, b.workload.deleteRoute(ctx, s.name), b.workload.deleteService(ctx, s.service()))
}

// kinds describes how many of each kind there are.
func kinds(counts map[string]int) string {
	var texts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%s: %d", kind, counts[kind]))
	}
	return strings.Join(texts, ", ")
}

// switcher is a host and how often it was switched.
type switcher struct {
	*bench
	name     string
	switches int
}

// service is the one that the host is on now.
func (s *switcher) service() string { return fmt.Sprintf("%s-%d", s.name, s.switches) }

func (s *switcher) want() want { return s.workload.want(s.name, backendName(s.switches)) }

func (s *switcher) start(ctx context.Context) error {
	if err := s.workload.createService(ctx, s.service(), s.switches%2); err != nil {
		return err
	}
	spec := s.workload.withoutTLS(s.name, 0, 1)
	spec.second = s.service()
	if err := s.workload.createRoute(ctx, spec); err != nil {
		return err
	}
	_, err := s.served(ctx, s.want())
	return err
}

// next switches once and returns how long it took until requests observed it.
func (s *switcher) next(ctx context.Context) (time.Duration, error) {
	old := s.service()
	s.switches++
	if err := s.workload.createService(ctx, s.service(), s.switches%2); err != nil {
		return 0, err
	}
	if _, err := s.workload.editRoute(ctx, s.name, s.service()); err != nil {
		return 0, err
	}
	answered := time.Now()
	if err := s.workload.deleteService(ctx, old); err != nil {
		return 0, err
	}
	at, err := s.prober.until(ctx, s.Timeout, s.want())
	return at.Sub(answered), err
}
