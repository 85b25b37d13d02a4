package bench

import (
	"context"
	"errors"
	"time"

	"contour.example/harness/bench/figure"
	"contour.example/harness/bench/proc"
)

// memoryInterval is how often memory is looked at during the churn.
const memoryInterval = 200 * time.Millisecond

// churn edits random objects at a steady rate, and meanwhile measures edits of one more object.
func (b *bench) churn(ctx context.Context) error {
	const name = "churn"
	if err := b.world.createRoute(ctx, name, serviceName(0), serviceName(1)); err != nil {
		return err
	}
	if _, err := b.served(ctx, want{b.world.host(name), secondPath, backendName(1)}); err != nil {
		return err
	}
	before := b.target.used(ctx)
	churning, cancel := context.WithTimeout(ctx, b.Churn)
	defer cancel()
	edits := make(chan edited, 1)
	peaks := make(chan map[string]float64, 1)
	go func() { edits <- b.editSteadily(ctx, churning.Done()) }()
	go func() { peaks <- b.target.peakMemory(churning.Done()) }()
	taken, err := b.probeEdits(ctx, churning, name)
	done := <-edits
	b.recorder.Latencies("edit seen by a request", taken)
	b.recordChurn(done, b.target.used(ctx).since(before), <-peaks)
	err = errors.Join(err, done.err, b.settle(ctx, done), b.recordMemory("highest memory ever", proc.PeakMemory))
	return errors.Join(err, b.world.deleteRoute(ctx, name))
}

// probeEdits edits one object again and again until churning is over.
func (b *bench) probeEdits(ctx, churning context.Context, name string) (taken []time.Duration, err error) {
	for i := 0; churning.Err() == nil; i++ {
		if err := b.world.editRoute(ctx, name, serviceName(i%2)); err != nil {
			return taken, err
		}
		d, err := b.served(ctx, want{b.world.host(name), secondPath, backendName(i)})
		if err != nil {
			return taken, err
		}
		taken = append(taken, d)
		_ = pause(churning, 5*quiet) // that the churn is over ends the loop
	}
	return taken, ctx.Err()
}

// edited is how often random objects were edited, and which was the last.
type edited struct {
	edits, last int
	err         error
}

// editSteadily edits random objects until done. An API server that is slow gets fewer edits.
func (b *bench) editSteadily(ctx context.Context, done <-chan struct{}) (e edited) {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / b.ChurnRate))
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return e
		case <-ticker.C:
		}
		i := b.random.IntN(b.N)
		if e.err = b.world.edit(ctx, i); e.err != nil {
			return e
		}
		e.edits, e.last = e.edits+1, i
	}
}

func (b *bench) recordChurn(e edited, u usage, peaks map[string]float64) {
	b.recorder.Value("edits", "", float64(e.edits), "in "+b.Churn.String())
	b.recordUse(" in all", u, 1)
	for _, p := range b.target.processes() {
		b.recorder.Value(p.name+" memory, highest", "MiB", peaks[p.name], "")
	}
}

// settle measures how long after the churn its last edit is served.
func (b *bench) settle(ctx context.Context, e edited) error {
	if e.edits == 0 {
		return nil
	}
	d, err := b.served(ctx, b.world.wants(e.last))
	if err == nil {
		b.recorder.Value("last edit served after the end", "ms", figure.Milliseconds(d), "")
	}
	return err
}

// peakMemory is the highest resident memory of each process that is seen until done, in MiB.
func (t Target) peakMemory(done <-chan struct{}) map[string]float64 {
	peaks := map[string]float64{}
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for {
		for _, p := range t.processes() {
			if mib, err := proc.Memory(p.pid); err == nil {
				peaks[p.name] = max(peaks[p.name], mib)
			}
		}
		select {
		case <-done:
			return peaks
		case <-ticker.C:
		}
	}
}
