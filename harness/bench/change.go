package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// edit changes the second route of random objects.
func (b *bench) edit(ctx context.Context) error {
	return b.series(ctx, "edit seen by a request", b.Samples, func(int) (time.Duration, error) {
		i := b.random.IntN(b.N)
		if _, err := b.workload.edit(ctx, i); err != nil {
			return 0, err
		}
		return b.served(ctx, b.workload.wants(i))
	})
}

// create makes objects with new hosts.
func (b *bench) create(ctx context.Context) error {
	err := b.series(ctx, "create seen by a request", b.Samples, func(i int) (time.Duration, error) {
		if err := b.workload.createRoute(ctx, b.workload.withoutTLS(nth("create", i), 0, 1)); err != nil {
			return 0, err
		}
		return b.served(ctx, b.workload.wantsSeries("create", i))
	})
	return errors.Join(err, b.deleteSeries(ctx, "create"))
}

// delete deletes objects and waits until their hosts are answered with 404.
func (b *bench) delete(ctx context.Context) error {
	if err := b.createSeries(ctx, "delete"); err != nil {
		return err
	}
	err := b.series(ctx, "delete seen by a request", b.Samples, func(i int) (time.Duration, error) {
		if err := b.workload.deleteRoute(ctx, nth("delete", i)); err != nil {
			return 0, err
		}
		return b.served(ctx, b.workload.want(nth("delete", i), ""))
	})
	return errors.Join(err, b.deleteSeries(ctx, "delete"))
}

// service creates objects that refer to a Service which was created just before.
func (b *bench) service(ctx context.Context) error {
	err := b.series(ctx, "route to a new Service seen by a request", b.Samples, func(i int) (time.Duration, error) {
		name := nth("service", i)
		if err := b.workload.createService(ctx, name, 1); err != nil {
			return 0, err
		}
		spec := b.workload.withoutTLS(name, 0, 1)
		spec.second = name
		if err := b.workload.createRoute(ctx, spec); err != nil {
			return 0, err
		}
		return b.served(ctx, b.workload.wantsSeries("service", i))
	})
	err = errors.Join(err, b.deleteSeries(ctx, "service"))
	return errors.Join(err, parallel(ctx, b.Writers, b.Samples, func(ctx context.Context, i int) error {
		return ignoreMissing(b.workload.deleteService(ctx, nth("service", i)))
	}))
}

// status creates objects and watches until they are valid, without requests at the same time.
func (b *bench) status(ctx context.Context) error {
	err := b.series(ctx, "create seen valid by a watch", b.Samples, func(i int) (time.Duration, error) {
		name := nth("status", i)
		if err := b.workload.createRoute(ctx, b.workload.withoutTLS(name, 0, 1)); err != nil {
			return 0, err
		}
		start := time.Now()
		at, err := b.statuses.when(ctx, b.Timeout, name)
		return max(0, at.Sub(start)), err
	})
	return errors.Join(err, b.deleteSeries(ctx, "status"))
}

// endpoint moves the endpoints of one Service from one backend to the other.
func (b *bench) endpoint(ctx context.Context) error {
	const name = "endpoint"
	if err := b.workload.createService(ctx, name, 0); err != nil {
		return err
	}
	spec := b.workload.withoutTLS(name, 0, 1)
	spec.second = name
	if err := b.workload.createRoute(ctx, spec); err != nil {
		return err
	}
	w := b.workload.want(name, backendName(0))
	if _, err := b.served(ctx, w); err != nil {
		return err
	}
	err := b.series(ctx, "endpoint change seen by a request", b.Samples, func(i int) (time.Duration, error) {
		if err := b.workload.moveService(ctx, name, (i+1)%2); err != nil {
			return 0, err
		}
		w.backend = backendName(i + 1)
		return b.served(ctx, w)
	})
	return errors.Join(err, b.workload.deleteRoute(ctx, name), b.workload.deleteService(ctx, name))
}

// nth is the name of an object that one scenario makes and deletes.
func nth(scenario string, i int) string { return fmt.Sprintf("%s-%d", scenario, i) }

// createSeries makes the objects of a scenario at once and returns when the last of them is served.
func (b *bench) createSeries(ctx context.Context, scenario string) error {
	err := parallel(ctx, b.Writers, b.Samples, func(ctx context.Context, i int) error {
		return b.workload.createRoute(ctx, b.workload.withoutTLS(nth(scenario, i), 0, 1))
	})
	if err != nil {
		return err
	}
	for i := range b.Samples {
		if _, err := b.served(ctx, b.workload.wantsSeries(scenario, i)); err != nil {
			return err
		}
	}
	return nil
}

// deleteSeries deletes the remaining objects of a scenario.
func (b *bench) deleteSeries(ctx context.Context, scenario string) error {
	return parallel(ctx, b.Writers, b.Samples, func(ctx context.Context, i int) error {
		return ignoreMissing(b.workload.deleteRoute(ctx, nth(scenario, i)))
	})
}
