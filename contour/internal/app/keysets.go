package app

import (
	"context"
	"log/slog"
	"sync/atomic"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/metrics"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/source/issuer"
)

// keySets fetches the key sets of JWT providers for the pipeline.
type keySets struct {
	fetcher  *issuer.Fetcher
	pipeline *pipeline.Pipeline
	rules    atomic.Pointer[ir.EndpointSettings]
}

func newKeySets(c config.Config, p *pipeline.Pipeline, m *metrics.Metrics, log *slog.Logger) *keySets {
	k := &keySets{pipeline: p}
	k.rules.Store(&c.Endpoints)
	k.fetcher = issuer.New(issuer.Options{
		Log: log, Limits: issuer.DefaultLimits(),
		Observe: func(outcome string) {
			m.Fetched(outcome)
			m.KeySets(k.fetcher.Count())
		},
		Endpoints: func() ir.EndpointSettings { return *k.rules.Load() },
	})
	return k
}

// update takes what one iteration of the pipeline changed.
func (k *keySets) update(r pipeline.Result) {
	rules := k.pipeline.Store.Settings.Endpoints.Peek()
	k.rules.Store(&rules)
	k.fetcher.Update(r.KeySets)
}

// run fetches until the context ends.
func (k *keySets) run(ctx context.Context) error {
	k.fetcher.Run(ctx, k.pipeline.DeliverKeySets)
	return ctx.Err()
}
