package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"contour.example/harness/bench/result"
	"contour.example/harness/bench/target"
)

const (
	// churner is the object that is measured during the churn.
	churner = "churn"
	// memoryInterval is how often memory is read during the churn.
	memoryInterval = 200 * time.Millisecond
	// statusGrace is how long after the churn statuses are still counted.
	statusGrace = 10 * time.Second
)

// churn edits random objects at a steady rate, and measures edits of one more object at the same time.
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
	err = errors.Join(err, done.err, b.measureLastEdit(ctx, done), b.recordStatuses(ctx, probes),
		b.recordMemory("highest memory ever", target.Process.PeakMemory))
	return errors.Join(err, b.workload.deleteRoute(ctx, churner))
}

// startChurner creates the object that is measured and waits until the system is idle.
func (b *bench) startChurner(ctx context.Context) error {
	if err := b.workload.createRoute(ctx, b.workload.withoutTLS(churner, 0, 1)); err != nil {
		return err
	}
	if _, err := b.served(ctx, b.churnerWants(1)); err != nil {
		return err
	}
	b.statuses.follow(churner)
	return b.rest(ctx)
}

func (b *bench) churnerWants(second int) want {
	return b.workload.want(churner, backendName(second))
}

// probe is an edit: when the API server answered, its generation, and how long until it was served.
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

// probeEdits edits one object repeatedly until churning ends.
func (b *bench) probeEdits(ctx, churning context.Context) (done probes, err error) {
	for i := 0; churning.Err() == nil; i++ {
		generation, err := b.workload.editRoute(ctx, churner, serviceName(i%2))
		if err != nil {
			return done, err
		}
		p := probe{answered: time.Now(), generation: generation}
		if p.took, err = b.served(ctx, b.churnerWants(i)); err != nil {
			return done, err
		}
		done = append(done, p)
		_ = pause(churning, 5*idlePause) // the end of the churn ends the loop
	}
	return done, ctx.Err()
}

// recordStatuses records the delay from each probe to its status. The status of an Ingress has no generation.
func (b *bench) recordStatuses(ctx context.Context, done probes) error {
	if b.API == Ingress || len(done) == 0 {
		return nil
	}
	last := done[len(done)-1].generation
	for deadline := time.Now().Add(statusGrace); time.Now().Before(deadline); {
		if _, ok := b.statuses.since(churner, last); ok {
			break
		}
		if err := pause(ctx, idlePause); err != nil {
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

// edited is the number of edits of random objects, and the last of these objects.
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
		if _, e.err = b.workload.edit(ctx, i); e.err != nil {
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

// measureLastEdit measures how long after the churn its last edit is served.
func (b *bench) measureLastEdit(ctx context.Context, e edited) error {
	if e.edits == 0 {
		return nil
	}
	d, err := b.served(ctx, b.workload.wants(e.last))
	if err == nil {
		b.recorder.Value("last edit served after the end", "ms", result.Milliseconds(d), "")
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
