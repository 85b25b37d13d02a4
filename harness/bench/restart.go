package bench

import (
	"context"
	"time"

	"contour.example/harness/bench/proc"
)

// calm is how long a controller gets to send what it still wants to send.
const calm = 3 * time.Second

// restart stops the controller, edits an object, and starts it again. A target
// whose controller is not ours to restart has no such measures.
func (b *bench) restart(ctx context.Context) error {
	if b.target.Lifecycle == nil {
		return nil
	}
	if err := pause(ctx, calm); err != nil { // so that nothing of the scenarios before is left to be sent
		return err
	}
	if err := b.target.Lifecycle.Stop(ctx); err != nil {
		return err
	}
	i, events := b.random.IntN(b.N), b.statuses.seen()
	if err := b.world.edit(ctx, i); err != nil {
		return err
	}
	start := time.Now()
	controller, err := b.target.Lifecycle.Start(ctx)
	if err != nil {
		return err
	}
	open := time.Now()
	b.target.Controller = controller
	b.recorder.Seconds("xDS port open, after the start", open.Sub(start))
	served, err := b.served(ctx, b.world.wants(i))
	if err != nil {
		return err
	}
	b.recorder.Seconds("edit served, after the port opened", served)
	if err := pause(ctx, calm); err != nil {
		return err
	}
	b.recorder.Value("API writes to the objects", "", float64(b.statuses.seen()-events), "1 is the edit")
	b.recordUse("", b.target.used(ctx).since(b.nothing()), 1)
	return b.recordMemory("memory after a restart", proc.Memory)
}

// nothing is what a controller that has just started has used; Envoy goes on.
func (b *bench) nothing() usage {
	u := usage{}
	for _, r := range resources() {
		if r != envoyCPU && r != envoyMainCPU {
			u[r] = 0
		}
	}
	return u
}
