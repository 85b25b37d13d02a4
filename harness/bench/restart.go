package bench

import (
	"context"
	"time"

	"contour.example/harness/bench/target"
)

// sendGrace is how long a controller has to send what is still pending.
const sendGrace = 3 * time.Second

// restart stops the controller, edits an object, and starts it again. A target
// whose controller cannot be restarted by the benchmark has no such measures.
func (b *bench) restart(ctx context.Context) error {
	if b.target.Lifecycle == nil {
		return nil
	}
	if err := b.beforeRestart(ctx); err != nil {
		return err
	}
	if err := b.target.Lifecycle.StopController(ctx); err != nil {
		return err
	}
	i, events, before := b.random.IntN(b.N), b.statuses.seen(), b.target.Used(ctx)
	if _, err := b.workload.edit(ctx, i); err != nil {
		return err
	}
	start := time.Now()
	controller, err := b.target.Lifecycle.StartController(ctx)
	if err != nil {
		return err
	}
	open := time.Now()
	b.target.Controller = controller
	b.recorder.Seconds("xDS port open, after the start", open.Sub(start))
	served, err := b.served(ctx, b.workload.wants(i))
	if err != nil {
		return err
	}
	b.recorder.Seconds("edit served, after the port opened", served)
	if err := pause(ctx, sendGrace); err != nil {
		return err
	}
	b.recorder.Value("API writes to the objects", "", float64(b.statuses.seen()-events), "1 is the edit")
	b.recordUse("", b.target.Used(ctx).Since(before.OfNewController()), 1)
	return b.recordMemory("memory after a restart", target.Process.Memory)
}

// beforeRestart waits until nothing of the previous scenarios remains to be sent.
func (b *bench) beforeRestart(ctx context.Context) error {
	if err := b.deleteTLS(ctx); err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	return pause(ctx, sendGrace)
}

// cold kills Envoy and starts it without any configuration, as on a new node.
func (b *bench) cold(ctx context.Context) error {
	if b.target.Lifecycle == nil {
		return nil
	}
	if err := b.beforeRestart(ctx); err != nil {
		return err
	}
	before, start := b.target.Used(ctx), time.Now()
	pid, err := b.target.Lifecycle.RestartEnvoy(ctx)
	if err != nil {
		return err
	}
	b.target.EnvoyPID = pid
	at, err := b.allServed(ctx)
	if err != nil {
		return err
	}
	b.recorder.Seconds("served, after the start of Envoy", at.Sub(start))
	if err := b.rest(ctx); err != nil {
		return err
	}
	b.recordUse("", b.target.Used(ctx).Since(before.OfNewEnvoy()), 1)
	return b.recordMemory("memory after a cold start", target.Process.Memory)
}
