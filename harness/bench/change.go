package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// quiet is the pause before each sample, so that every change meets a system at rest.
const quiet = 20 * time.Millisecond

// sample makes a change Samples times. take returns how long its effect took; its error ends
// the series, and what came before stays.
func (b *bench) sample(ctx context.Context, take func(i int) (time.Duration, error)) ([]time.Duration, error) {
	var taken []time.Duration
	for i := range b.Samples {
		if err := pause(ctx, quiet); err != nil {
			return taken, err
		}
		d, err := take(i)
		if err != nil {
			return taken, fmt.Errorf("sample %d of %d: %w", i+1, b.Samples, err)
		}
		taken = append(taken, d)
	}
	return taken, nil
}

// served waits for the answer that a change, answered by the API server just now, leads to.
func (b *bench) served(ctx context.Context, w want) (time.Duration, error) {
	start := time.Now()
	at, err := b.prober.until(ctx, b.Timeout, w)
	return at.Sub(start), err
}

// edit changes the second route of random objects.
func (b *bench) edit(ctx context.Context) error {
	before := b.target.used(ctx)
	taken, err := b.sample(ctx, func(int) (time.Duration, error) {
		i := b.random.IntN(b.N)
		if err := b.world.edit(ctx, i); err != nil {
			return 0, err
		}
		return b.served(ctx, b.world.wants(i))
	})
	b.recorder.Latencies("edit seen by a request", taken)
	b.recordUse(" per change", b.target.used(ctx).since(before), len(taken))
	return err
}

// create makes an object with a new host and deletes it again.
func (b *bench) create(ctx context.Context) error {
	before := b.target.used(ctx)
	var deleted []time.Duration
	created, err := b.sample(ctx, func(i int) (time.Duration, error) {
		name := fmt.Sprintf("create-%d", i)
		created, deletedIn, err := b.createAndDelete(ctx, name)
		if err == nil {
			deleted = append(deleted, deletedIn)
		}
		return created, err
	})
	b.recorder.Latencies("create seen by a request", created)
	b.recorder.Latencies("delete seen by a request", deleted)
	b.recordUse(" per change", b.target.used(ctx).since(before), 2*len(created))
	return err
}

func (b *bench) createAndDelete(ctx context.Context, name string) (created, deleted time.Duration, err error) {
	w := want{b.world.host(name), secondPath, backendName(1)}
	if err := b.world.createRoute(ctx, name, serviceName(0), serviceName(1)); err != nil {
		return 0, 0, err
	}
	if created, err = b.served(ctx, w); err != nil {
		return 0, 0, errors.Join(err, b.world.deleteRoute(ctx, name))
	}
	if err := pause(ctx, quiet); err != nil {
		return 0, 0, err
	}
	if err := b.world.deleteRoute(ctx, name); err != nil {
		return 0, 0, err
	}
	w.backend = ""
	deleted, err = b.served(ctx, w)
	return created, deleted, err
}

// status makes objects and watches for their becoming valid, without requests beside it.
func (b *bench) status(ctx context.Context) error {
	taken, err := b.sample(ctx, func(i int) (time.Duration, error) {
		name := fmt.Sprintf("status-%d", i)
		if err := b.world.createRoute(ctx, name, serviceName(0), serviceName(1)); err != nil {
			return 0, err
		}
		start := time.Now()
		at, err := b.statuses.when(ctx, b.Timeout, name)
		return max(0, at.Sub(start)), errors.Join(err, b.world.deleteRoute(ctx, name))
	})
	b.recorder.Latencies("create seen valid by a watch", taken)
	return err
}

// endpoint moves the endpoints of one Service from one backend to the other.
func (b *bench) endpoint(ctx context.Context) error {
	const name = "endpoint"
	if err := b.world.createService(ctx, name, 0); err != nil {
		return err
	}
	if err := b.world.createRoute(ctx, name, serviceName(0), name); err != nil {
		return err
	}
	w := want{b.world.host(name), secondPath, backendName(0)}
	if _, err := b.served(ctx, w); err != nil {
		return err
	}
	before := b.target.used(ctx)
	taken, err := b.sample(ctx, func(i int) (time.Duration, error) {
		if err := b.world.moveService(ctx, name, (i+1)%2); err != nil {
			return 0, err
		}
		w.backend = backendName(i + 1)
		return b.served(ctx, w)
	})
	b.recorder.Latencies("endpoint change seen by a request", taken)
	b.recordUse(" per change", b.target.used(ctx).since(before), len(taken))
	return errors.Join(err, b.world.deleteRoute(ctx, name), b.world.deleteService(ctx, name))
}
