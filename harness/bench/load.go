package bench

import (
	"context"
	"fmt"
	"time"

	"contour.example/harness/bench/target"
)

// The loaded objects whose hosts are requested: the last ones and some of the others.
const (
	lastSampled   = 10
	randomSampled = 50
)

// load creates the objects as fast as the API server accepts them. Times count from the last response.
func (b *bench) load(ctx context.Context) error {
	before, start := b.target.Used(ctx), time.Now()
	if err := parallel(ctx, b.Writers, b.N, b.workload.create); err != nil {
		return err
	}
	created := time.Now()
	b.recorder.Seconds("created", created.Sub(start))
	valid := make(chan error, 1)
	var validAt time.Time
	go func() {
		err := b.statuses.count(ctx, b.LoadTimeout, b.N)
		validAt = time.Now()
		valid <- err
	}()
	servedAt, err := b.allServed(ctx)
	if err == nil {
		b.recorder.Seconds("served, after the last create", servedAt.Sub(created))
	} else {
		b.recorder.Failed(err)
	}
	if err := <-valid; err != nil {
		return err
	}
	b.recorder.Seconds("valid, after the last create", validAt.Sub(created))
	b.recordUse("", b.target.Used(ctx).Since(before), 1)
	return b.recordMemory("highest memory of loading", target.Process.PeakMemory)
}

// allServed waits until the last objects and a random sample are served, and returns when.
func (b *bench) allServed(ctx context.Context) (at time.Time, err error) {
	for _, i := range b.sampled(b.N) {
		if at, err = b.prober.until(ctx, b.LoadTimeout, b.workload.wants(i)); err != nil {
			return time.Time{}, err
		}
	}
	return at, nil
}

// sampled returns the indices of the objects, of n, whose hosts are requested.
func (b *bench) sampled(n int) []int {
	var indices []int
	for i := max(0, n-lastSampled); i < n; i++ {
		indices = append(indices, i)
	}
	for range min(randomSampled, n) {
		indices = append(indices, b.random.IntN(n))
	}
	return indices
}

// idle does nothing for a while: no object may change, and resource usage is expected to be near 0.
func (b *bench) idle(ctx context.Context) error {
	if err := b.rest(ctx); err != nil {
		return err
	}
	before, events := b.target.Used(ctx), b.statuses.seen()
	if err := pause(ctx, b.Idle); err != nil {
		return err
	}
	b.recorder.Value("API writes to the objects", "", float64(b.statuses.seen()-events), "in "+b.Idle.String())
	b.recordUse("", b.target.Used(ctx).Since(before), 1)
	return b.recordMemory("memory at rest", target.Process.Memory)
}

// recordUse records the resource usage, divided by the number of changes that caused it.
func (b *bench) recordUse(suffix string, u target.Usage, changes int) {
	for _, r := range target.Resources() {
		if v, ok := u[r]; ok && changes > 0 {
			b.recorder.Value(string(r)+suffix, r.Unit(), v/float64(changes), "")
		}
	}
}

// recordMemory records the memory of both processes, where it is known.
func (b *bench) recordMemory(name string, read func(target.Process) (float64, error)) error {
	for _, p := range b.target.Processes() {
		mib, err := read(p)
		if err != nil {
			return err
		}
		b.recorder.Value(fmt.Sprintf("%s %s", p.Name, name), "MiB", mib, "")
	}
	return nil
}
