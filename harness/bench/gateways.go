package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"contour.example/harness/bench/target"
)

// manyGateways creates Gateways with some HTTPRoutes each, as fast as the API server accepts them, beside the one of all others, and
// deletes them. The routes of a Gateway follow it at once.
func (b *bench) manyGateways(ctx context.Context) error {
	if b.gateways == nil {
		return nil
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	before, start := b.target.Used(ctx), time.Now()
	written := make([]time.Time, b.Gateways)
	err := parallel(ctx, b.Writers, b.Gateways, func(ctx context.Context, i int) (err error) {
		written[i], err = b.createGateway(ctx, i)
		return err
	})
	if err != nil {
		return errors.Join(err, b.deleteGateways(ctx))
	}
	created := time.Now()
	b.recorder.Count("Gateways", b.Gateways)
	b.recorder.Seconds("created", created.Sub(start))
	return errors.Join(b.recordGateways(ctx, written, created, before), b.deleteGateways(ctx))
}

// nthGateway is the name of a Gateway that the scenario makes.
func nthGateway(i int) string { return nth("gateways", i) }

// gatewayRoute is the name of an HTTPRoute of a Gateway.
func gatewayRoute(gateway, route int) string { return fmt.Sprintf("%s-%d", nthGateway(gateway), route) }

// createGateway makes a Gateway and its routes, and returns when the API server had answered for the Gateway.
func (b *bench) createGateway(ctx context.Context, i int) (written time.Time, err error) {
	if err := b.client.create(ctx, gateways, gatewayObject(nthGateway(i), b.routing.class, b.gatewayPort)); err != nil {
		return written, err
	}
	written = time.Now()
	of := b.routing
	of.gateway.name = nthGateway(i)
	for j := range b.GatewayRoutes {
		if err := b.client.create(ctx, httpRoutes, of.object(b.workload.withoutTLS(gatewayRoute(i, j), 0, 1))); err != nil {
			return written, err
		}
	}
	return written, nil
}

// recordGateways records when the Gateways were programmed, and when the last ones and a sample of them were served.
func (b *bench) recordGateways(ctx context.Context, written []time.Time, created time.Time, before target.Usage) error {
	var taken []time.Duration
	last := created
	for i, at := range written {
		programmed, err := b.gateways.when(ctx, b.LoadTimeout, nthGateway(i))
		if err != nil {
			return err
		}
		taken = append(taken, max(0, programmed.Sub(at)))
		if programmed.After(last) {
			last = programmed
		}
	}
	b.recorder.Latencies("Gateway seen programmed by a watch", taken)
	b.recorder.Seconds("programmed, after the last create", last.Sub(created))
	for _, i := range b.sampled(b.Gateways) {
		if err := b.gatewayServed(ctx, i); err != nil {
			return err
		}
	}
	b.recorder.Seconds("served, after the last create", time.Since(created))
	if err := b.statuses.count(ctx, b.LoadTimeout, b.N+b.Gateways*b.GatewayRoutes); err != nil {
		return err
	}
	b.recorder.Seconds("valid, after the last create", time.Since(created))
	b.recordUse("", b.target.Used(ctx).Since(before), 1)
	if err := b.rest(ctx); err != nil {
		return err
	}
	return errors.Join(b.recordMemory("memory with them", target.Process.Memory), b.recordMemory("highest memory ever", target.Process.PeakMemory))
}

// gatewayServed waits until the routes of a Gateway are served at its own address, and none of the next Gateway's are.
func (b *bench) gatewayServed(ctx context.Context, i int) error {
	address, err := b.gatewayAddress(ctx, nthGateway(i))
	if err != nil {
		return err
	}
	p := newProber(address, "", nil)
	defer p.close()
	for j := range b.GatewayRoutes {
		if _, err := p.until(ctx, b.LoadTimeout, b.workload.want(gatewayRoute(i, j), backendName(1))); err != nil {
			return err
		}
	}
	other := b.workload.want(gatewayRoute((i+1)%b.Gateways, 0), absent)
	if b.Gateways == 1 {
		return nil
	}
	a, err := p.ask(ctx, other)
	if err == nil && !other.matches(a) {
		err = fmt.Errorf("a route of another Gateway is served at %s: %s", address, a)
	}
	return err
}

// deleteGateways deletes the Gateways and their routes.
func (b *bench) deleteGateways(ctx context.Context) error {
	return parallel(ctx, b.Writers, b.Gateways, func(ctx context.Context, i int) error {
		for j := range b.GatewayRoutes {
			if err := ignoreMissing(b.workload.deleteRoute(ctx, gatewayRoute(i, j))); err != nil {
				return err
			}
		}
		return ignoreMissing(b.client.delete(ctx, gateways, nthGateway(i)))
	})
}
