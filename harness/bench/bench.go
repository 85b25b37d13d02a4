package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"contour.example/harness/bench/figure"
)

// Target is what is measured.
type Target struct {
	// Config is a client of the API server without rate limits.
	Config *rest.Config
	// Envoy is host:port of its plain HTTP listener.
	Envoy string
	// EnvoyPID is 0 if unknown: no figures of its CPU and memory then.
	EnvoyPID   int
	Controller Controller
	// Lifecycle restarts the controller; nil if that is not ours to do.
	Lifecycle Lifecycle
	// Backends are the addresses that two test backends shall listen on, as Envoy reaches them. Port 0 takes a free one.
	Backends [2]netip.AddrPort
	// Disposable says that nothing outlives the benchmark, so that nothing needs to be cleaned up.
	Disposable bool
}

// Controller is a running controller.
type Controller struct {
	// PID is 0 if unknown: no figures of its CPU and memory then.
	PID int
	// MetricsURL is empty if unknown.
	MetricsURL string
}

// Lifecycle stops and starts the controller.
type Lifecycle interface {
	// Stop returns when the controller has ended.
	Stop(context.Context) error
	// Start returns when the xDS port of the new controller is open.
	Start(context.Context) (Controller, error)
}

// Options say what to measure; see Defaults.
type Options struct {
	// N is the number of objects with a host and two routes each; there is a tenth as many Services.
	N int
	// API is the kind of those objects, and Class their ingress class, empty for none.
	API   API
	Class string
	// Scenarios are names; "load" always runs, since the others need its objects.
	Scenarios []string
	// Samples is how many changes a latency is taken from.
	Samples int
	// Writers is how many clients create the objects at a time.
	Writers int
	// LoadTimeout bounds each wait of loading, Timeout all others.
	LoadTimeout, Timeout time.Duration
	// Idle is how long nothing is done to see what that costs.
	Idle time.Duration
	// Churn is how long ChurnRate edits a second are made.
	Churn     time.Duration
	ChurnRate float64
	// Switches is how often the host under load moves on, and Rate the requests a second meanwhile.
	Switches int
	Rate     float64
}

// Defaults are the options that published figures are made with.
func Defaults() Options {
	return Options{
		N: 1000, API: HTTPProxy, Scenarios: Scenarios(),
		Samples: 100, Writers: 16,
		LoadTimeout: 10 * time.Minute, Timeout: time.Minute,
		Idle: time.Minute, Churn: 30 * time.Second, ChurnRate: 20,
		Switches: 50, Rate: 1000,
	}
}

// bench is one size being measured.
type bench struct {
	Options
	target   Target
	recorder figure.Recorder
	client   *client
	routing  routing
	world    *world
	prober   *prober
	statuses *statuses
	random   *rand.Rand
}

// Run measures one size, hands every measure to emit as it comes, and returns them all.
// The error says that there is nothing to measure; what else goes wrong is in the measures.
func Run(ctx context.Context, t Target, o Options, emit func(figure.Measure)) ([]figure.Measure, error) {
	chosen, err := choose(o.Scenarios)
	if err != nil {
		return nil, err
	}
	var all []figure.Measure
	b := &bench{Options: o, target: t, random: rand.New(rand.NewPCG(1, uint64(o.N)))}
	b.recorder.Emit = func(m figure.Measure) {
		all = append(all, m)
		emit(m)
	}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	for _, s := range chosen {
		b.recorder.Scenario = s.name
		if err := s.run(b, ctx); err != nil {
			b.recorder.Failed(err)
		}
	}
	return all, errors.Join(context.Cause(ctx), b.cleanUp(ctx))
}

// prepare makes everything but the objects that are loaded.
func (b *bench) prepare(ctx context.Context) (err error) {
	b.routing = routing{b.API, b.Class}
	b.prober = newProber(b.target.Envoy)
	if b.client, err = newClient(b.target.Config); err != nil {
		return err
	}
	if err := b.client.createNamespace(ctx); err != nil {
		return err
	}
	if b.world, err = newWorld(ctx, b.client, b.routing, b.N, b.target.Backends); err != nil {
		return errors.Join(err, b.cleanUp(ctx))
	}
	if err := b.world.warmUp(ctx); err != nil {
		return errors.Join(err, b.cleanUp(ctx))
	}
	if b.statuses, err = watchStatuses(ctx, b.client, b.routing); err != nil {
		return errors.Join(err, b.cleanUp(ctx))
	}
	return nil
}

// close ends what runs in this process.
func (b *bench) close() {
	b.prober.close()
	if b.statuses != nil {
		b.statuses.close()
	}
	if b.world != nil {
		b.world.close()
	}
}

// cleanUp deletes all objects, also when ctx is done.
func (b *bench) cleanUp(ctx context.Context) error {
	if b.target.Disposable {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.LoadTimeout)
	defer cancel()
	if err := b.client.deleteAll(ctx, b.routing.kind(), endpointSlices, services); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return nil
}

// scenario is something to do and what to measure of it. An error ends it, and is
// reported beside the measures that it has given before.
type scenario struct {
	name string
	run  func(*bench, context.Context) error
}

// scenarios are in the order in which they run: what needs quiet comes before what
// makes noise, and the restart last.
func scenarios() []scenario {
	return []scenario{
		{"load", (*bench).load},
		{"idle", (*bench).idle},
		{"edit", (*bench).edit},
		{"create", (*bench).create},
		{"status", (*bench).status},
		{"endpoint", (*bench).endpoint},
		{"churn", (*bench).churn},
		{"switch", (*bench).switchServices},
		{"restart", (*bench).restart},
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
