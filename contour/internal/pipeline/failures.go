package pipeline

import (
	"context"

	"contour.example/contour/internal/kobj"
)

// SetFailures replaces why the fleets of these Gateways could not be provisioned, derives and publishes; "" is that they could.
func (p *Pipeline) SetFailures(failures map[kobj.Name]string) Result {
	return p.step(func() []kobj.Key {
		for n, message := range failures {
			if message == "" {
				p.Compile.Gateways.Failures.Delete(n)
			} else {
				p.Compile.Gateways.Failures.Set(n, message)
			}
		}
		return nil
	})
}

// DeliverFailures makes Run call SetFailures. It reports false if the context ended before.
func (p *Pipeline) DeliverFailures(ctx context.Context, failures map[kobj.Name]string) bool {
	return p.deliver(ctx, func() Result { return p.SetFailures(failures) })
}
