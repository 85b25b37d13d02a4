package app

import (
	"context"
	"log/slog"
	"sync/atomic"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/metrics"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/source/dns"
	"contour.example/contour/internal/store"
)

// names resolves the names of ExternalName Services for the pipeline.
type names struct {
	resolver *dns.Resolver
	pipeline *pipeline.Pipeline
	rules    atomic.Pointer[dns.Rules]
}

func newNames(c config.Config, p *pipeline.Pipeline, m *metrics.Metrics, log *slog.Logger) *names {
	n := &names{pipeline: p}
	n.rules.Store(&dns.Rules{Endpoints: c.Endpoints, Family: c.Names.Family})
	n.resolver = dns.New(dns.Options{
		Log: log, Limits: dns.DefaultLimits(), Rules: func() dns.Rules { return *n.rules.Load() },
		Observe: func(outcome string) {
			m.LookedUp(outcome)
			m.ExternalNames(n.resolver.Count())
		},
	})
	return n
}

// update takes what one iteration of the pipeline changed.
func (n *names) update(r pipeline.Result) {
	s := n.pipeline.Store.Settings
	n.rules.Store(&dns.Rules{Endpoints: s.Endpoints.Peek(), Family: s.Names.Peek().Family})
	n.resolver.Update(r.External)
}

// run resolves until the context ends.
func (n *names) run(ctx context.Context, batches chan<- []store.Change) error {
	n.resolver.Run(ctx, func(ctx context.Context, batch []store.Change) bool {
		select {
		case batches <- batch:
			return true
		case <-ctx.Done():
			return false
		}
	})
	return ctx.Err()
}
