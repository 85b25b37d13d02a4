package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"contour.example/harness/bench/result"
	"contour.example/harness/bench/target"
	"contour.example/harness/pki"
)

// Options specify what to measure; see Defaults.
type Options struct {
	// N is the number of objects with a host and two routes each; there is a tenth as many Services.
	N int
	// API is the kind of those objects, and Class their ingress class, empty for none, or that of the Gateway, empty for target.GatewayClass.
	API   API
	Class string
	// SharedHost puts all HTTPRoutes on one host, each below a path of its own.
	SharedHost bool
	// Scenarios are names; "load" always runs, since the others need its objects.
	Scenarios []string
	// Samples is the number of changes that each latency is computed from.
	Samples int
	// Writers is how many clients create the objects at a time.
	Writers int
	// LoadTimeout bounds each wait of loading, Timeout all others.
	LoadTimeout, Timeout time.Duration
	// Idle is the duration of the idle scenario.
	Idle time.Duration
	// Churn is how long ChurnRate edits a second are made.
	Churn     time.Duration
	ChurnRate float64
	// Switches is the number of switches of the host under load, and Rate the requests a second during them.
	Switches int
	Rate     float64
	// Rounds is how often the path of requests is measured in each way, and Requests how many are sent each time.
	Rounds, Requests int
	// TLSHosts is how many hosts with TLS are added, 0 for N but at most MaxTLSHosts.
	TLSHosts int
	// TLSShared makes all of them use one Secret with a wildcard certificate, instead of one each.
	TLSShared bool
	// Propagation is of the propagation scenario.
	Propagation Propagation
	// Gateways is how many Gateways are created, with GatewayRoutes HTTPRoutes each.
	Gateways, GatewayRoutes int
	// Attacked is of the hostile scenario.
	Attacked Attacked
}

// MaxTLSHosts bounds the TLS hosts that are added unless Options specify a number.
const MaxTLSHosts = 1000

// Defaults are the options that published figures are made with.
func Defaults() Options {
	return Options{
		N: 1000, API: HTTPProxy, Scenarios: UsualScenarios(),
		Samples: 100, Writers: 16,
		LoadTimeout: 10 * time.Minute, Timeout: time.Minute,
		Idle: time.Minute, Churn: 30 * time.Second, ChurnRate: 20,
		Switches: 50, Rate: 1500,
		Rounds: 5, Requests: 40_000,
		Propagation: Propagation{Changes: 5000, Rate: 50, Requests: 200},
		Gateways:    999, GatewayRoutes: 10, // with the one of all others, as many as a namespace may have addresses by default
		Attacked: Attacked{Duration: 15 * time.Second, Quiet: 30 * time.Second, Edits: 10, Requests: 200},
	}
}

// bench is the measurement of one size.
type bench struct {
	Options
	target   target.Target
	recorder result.Recorder
	client   *client
	routing  routing
	workload *workload
	prober   *prober
	statuses *statuses
	random   *rand.Rand

	// Of the API Gateway only.
	gateways    *statuses
	gatewayPort int

	ca       *pki.CA
	tlsHosts int    // that exist
	closed   string // directory of the configuration that the hostile scenario gives the controller
}

// Run measures one size, calls emit with each measure as it is taken, and returns all of them.
// An error means that nothing could be measured; all other errors are in the measures.
func Run(ctx context.Context, t target.Target, o Options, emit func(result.Measure)) ([]result.Measure, error) {
	chosen, err := choose(o.Scenarios)
	if err != nil {
		return nil, err
	}
	if o.API == Gateway && slices.ContainsFunc(chosen, func(s scenario) bool { return s.name == "hostile" }) {
		return nil, errors.New("the hostile scenario has no attacks for the API gateway")
	}
	var all []result.Measure
	b := &bench{Options: o, target: t, random: rand.New(rand.NewPCG(1, uint64(o.N)))}
	b.recorder.Emit = func(m result.Measure) {
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

// prepare creates everything except the objects that are loaded.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.ca, err = pki.New("bench"); err != nil {
		return err
	}
	if b.client, err = newClient(b.target.Config); err != nil {
		return err
	}
	if err := b.client.createNamespace(ctx); err != nil {
		return err
	}
	b.routing = routing{b.API, b.Class, parent{b.client.namespace, gatewayName}, b.SharedHost}
	if b.API == Gateway && b.Class == "" {
		b.routing.class = target.GatewayClass
	}
	if err := b.prepareObjects(ctx); err != nil {
		return errors.Join(err, b.cleanUp(ctx))
	}
	return nil
}

// prepareObjects creates what the loaded objects need, in the namespace that there is now.
func (b *bench) prepareObjects(ctx context.Context) (err error) {
	if b.API == Gateway {
		if err := b.prepareGateway(ctx); err != nil {
			return err
		}
	}
	b.prober = newProber(b.target.HTTP, b.target.HTTPS, b.ca.Pool())
	if b.workload, err = newWorkload(ctx, b.client, b.routing, b.N, b.target.Backends); err != nil {
		return err
	}
	if err := b.workload.warmUp(ctx); err != nil {
		return err
	}
	b.statuses, err = watchStatuses(ctx, b.client, b.routing.followed())
	return err
}

// close stops what runs in this process.
func (b *bench) close() {
	if b.prober != nil {
		b.prober.close()
	}
	for _, s := range []*statuses{b.statuses, b.gateways} {
		if s != nil {
			s.close()
		}
	}
	if b.workload != nil {
		b.workload.close()
	}
}

// cleanUp deletes all objects, also when ctx is done.
func (b *bench) cleanUp(ctx context.Context) error {
	if b.target.Disposable {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.LoadTimeout)
	defer cancel()
	kinds := []kind{b.routing.kind(), endpointSlices, services, secrets}
	if b.API == Gateway {
		kinds = append(kinds, gateways)
	}
	if err := b.client.deleteAll(ctx, kinds...); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return nil
}
