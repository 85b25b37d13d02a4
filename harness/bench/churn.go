package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"contour.example/harness/bench/figure"
	"contour.example/harness/bench/target"
)

const (
	// churner is the object that is measured during the churn.
	churner = "churn"
	// memoryInterval is how often memory is looked at during the churn.
	memoryInterval = 200 * time.Millisecond
	// statusGrace is how long statuses may come after the churn and still count.
	statusGrace = 10 * time.Second
)

// churn edits random objects at a steady rate, and meanwhile measures edits of one more object.
func (b *bench) churn(ctx context.Context) error {
	if err := b.startChurner(ctx); err != nil {
		return err
	}
	before := b.target.Used(ctx)
	churning, cancel := context.WithTimeout(ctx, b.Churn)
	defer cancel()
	edits := make(chan edited, 1)
	peaks := make(chan map[target.Process]float64, 1)
	go func() { edits <- b.editSteadily(ctx, churning.Done()) }()
	go func() { peaks <- peakMemory(b.target.Processes(), churning.Done()) }()
	probes, err := b.probeEdits(ctx, churning)
	done := <-edits
	b.recordChurn(done, b.target.Used(ctx).Since(before), <-peaks)
	b.recorder.Latencies("edit seen by a request", probes.served())
	err = errors.Join(err, done.err, b.settle(ctx, done), b.recordStatuses(ctx, probes),
		b.recordMemory("highest memory ever", target.Process.PeakMemory))
	return errors.Join(err, b.world.deleteRoute(ctx, churner))
}

// startChurner makes the object that is measured and waits for quiet.
func (b *bench) startChurner(ctx context.Context) error {
	if err := b.world.createRoute(ctx, b.world.plain(churner, 0, 1)); err != nil {
		return err
	}
	if _, err := b.served(ctx, b.churnerWants(1)); err != nil {
		return err
	}
	b.statuses.follow(churner)
	return b.rest(ctx)
}

func (b *bench) churnerWants(second int) want {
	return want{host: b.world.host(churner), path: secondPath, backend: backendName(second)}
}

// probe is an edit: when the API server answered, what generation that was, and how long until it was served.
type probe struct {
	answered   time.Time
	generation int64
	took       time.Duration
}

type probes []probe

func (p probes) served() (taken []time.Duration) {
	for _, one := range p {
		taken = append(taken, one.took)
	}
	return taken
}

// probeEdits edits one object again and again until churning is over.
func (b *bench) probeEdits(ctx, churning context.Context) (done probes, err error) {
	for i := 0; churning.Err() == nil; i++ {
		generation, err := b.world.editRoute(ctx, churner, serviceName(i%2))
		if err != nil {
			return done, err
		}
		p := probe{answered: time.Now(), generation: generation}
		if p.took, err = b.served(ctx, b.churnerWants(i)); err != nil {
			return done, err
		}
		done = append(done, p)
		_ = pause(churning, 5*quiet) // that the churn is over ends the loop
	}
	return done, ctx.Err()
}

// recordStatuses says how soon the status followed each probe. An Ingress has no status that would tell.
func (b *bench) recordStatuses(ctx context.Context, done probes) error {
	if b.API != HTTPProxy || len(done) == 0 {
		return nil
	}
	last := done[len(done)-1].generation
	for deadline := time.Now().Add(statusGrace); time.Now().Before(deadline); {
		if _, ok := b.statuses.since(churner, last); ok {
			break
		}
		if err := pause(ctx, quiet); err != nil {
			return err
		}
	}
	var taken []time.Duration
	for _, p := range done {
		if at, ok := b.statuses.since(churner, p.generation); ok {
			taken = append(taken, max(0, at.Sub(p.answered)))
		}
	}
	b.recorder.Latencies("status of an edit seen by a watch", taken)
	b.recorder.Value("edits without a status", "", float64(len(done)-len(taken)), fmt.Sprintf("%s after the end", statusGrace))
	return nil
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
		if _, e.err = b.world.edit(ctx, i); e.err != nil {
			return e
		}
		e.edits, e.last = e.edits+1, i
	}
}

func (b *bench) recordChurn(e edited, u target.Usage, peaks map[target.Process]float64) {
	b.recorder.Value("edits", "", float64(e.edits), "in "+b.Churn.String())
	b.recordUse(" in all", u, 1)
	for _, p := range b.target.Processes() {
		b.recorder.Value(p.Name+" memory, highest", "MiB", peaks[p], "")
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
func peakMemory(processes []target.Process, done <-chan struct{}) map[target.Process]float64 {
	peaks := map[target.Process]float64{}
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for {
		for _, p := range processes {
			if mib, err := p.Memory(); err == nil {
				peaks[p] = max(peaks[p], mib)
			}
		}
		select {
		case <-done:
			return peaks
		case <-ticker.C:
		}
	}
}
