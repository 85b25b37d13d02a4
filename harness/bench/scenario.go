package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"contour.example/harness/bench/target"
)

// scenario is an action and its measures. An error ends it, and is
// reported together with the measures that it has emitted before.
type scenario struct {
	name string
	run  func(*bench, context.Context) error
	// byName is one that runs only if its name is given.
	byName bool
}

// scenarios are in the order in which they run: those that need an idle system first,
// those that cause load later, and restarts last.
func scenarios() []scenario {
	return []scenario{
		{name: "load", run: (*bench).load},
		{name: "idle", run: (*bench).idle},
		{name: "edit", run: (*bench).edit},
		{name: "create", run: (*bench).create},
		{name: "delete", run: (*bench).delete},
		{name: "service", run: (*bench).service},
		{name: "status", run: (*bench).status},
		{name: "endpoint", run: (*bench).endpoint},
		{name: "rotation", run: (*bench).rotation},
		{name: "churn", run: (*bench).churn},
		{name: "switch", run: (*bench).switchServices},
		{name: "requests", run: (*bench).requests},
		{name: "tls", run: (*bench).manyTLS},
		{name: "tls-edit", run: (*bench).editTLS},
		{name: "tls-add", run: (*bench).addTLS},
		{name: "propagation", run: (*bench).propagation, byName: true},
		{name: "gateways", run: (*bench).manyGateways, byName: true},
		{name: "hostile", run: (*bench).hostile, byName: true},
		{name: "restart", run: (*bench).restart},
		{name: "cold", run: (*bench).cold},
	}
}

// Scenarios are the names of all scenarios.
func Scenarios() []string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

// UsualScenarios are the names of those that run if none is named.
func UsualScenarios() []string {
	var names []string
	for _, s := range scenarios() {
		if !s.byName {
			names = append(names, s.name)
		}
	}
	return names
}

// choose returns load and the scenarios with these names.
func choose(names []string) ([]scenario, error) {
	for _, name := range names {
		if !slices.Contains(Scenarios(), name) {
			return nil, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(Scenarios(), ", "))
		}
	}
	return slices.DeleteFunc(scenarios(), func(s scenario) bool {
		return s.name != "load" && !slices.Contains(names, s.name)
	}), nil
}

const (
	// idlePause is the pause before each sample, so that every change meets an idle system.
	idlePause = 20 * time.Millisecond
	// aftermath is how long the effects of the last change of a series are still counted.
	aftermath = 200 * time.Millisecond
	// restWindow is how long the processes are watched to decide whether they are idle.
	restWindow = 250 * time.Millisecond
	// restCPU is how much of that, in ms, two idle processes may use together: Envoy's statistics cost some.
	restCPU = 60
)

// sample makes a change several times. take returns how long its effect took; its error ends
// the series, and earlier samples remain.
func (b *bench) sample(ctx context.Context, samples int, take func(i int) (time.Duration, error)) ([]time.Duration, error) {
	var taken []time.Duration
	for i := range samples {
		if err := pause(ctx, idlePause); err != nil {
			return taken, err
		}
		d, err := take(i)
		if err != nil {
			return taken, fmt.Errorf("sample %d of %d: %w", i+1, samples, err)
		}
		taken = append(taken, d)
	}
	return taken, nil
}

// series samples a change, and records the latency until it is observed and its resource usage.
func (b *bench) series(ctx context.Context, name string, samples int, take func(i int) (time.Duration, error)) error {
	if err := b.rest(ctx); err != nil {
		return err
	}
	before := b.target.Used(ctx)
	taken, err := b.sample(ctx, samples, take)
	_ = pause(ctx, aftermath) // the end of the context has ended the series too
	used := b.target.Used(ctx).Since(before)
	b.recorder.Latencies(name, taken)
	b.recordUse(" per change", used, len(taken))
	return err
}

// served waits for the answer that is expected after a change which the API server has just acknowledged.
func (b *bench) served(ctx context.Context, w want) (time.Duration, error) {
	start := time.Now()
	at, err := b.prober.until(ctx, b.Timeout, w)
	return at.Sub(start), err
}

// rest waits until both processes are nearly idle, but not longer than Timeout: a process that is never idle is measured as it is.
func (b *bench) rest(ctx context.Context) error {
	before := b.busy(ctx)
	for deadline := time.Now().Add(b.Timeout); time.Now().Before(deadline); {
		if err := pause(ctx, restWindow); err != nil {
			return err
		}
		now := b.busy(ctx)
		if now-before < restCPU {
			return nil
		}
		before = now
	}
	return nil
}

// busy is the CPU time of both processes, in ms.
func (b *bench) busy(ctx context.Context) float64 {
	used := b.target.Used(ctx)
	return used[target.ControllerCPU] + used[target.EnvoyCPU]
}
