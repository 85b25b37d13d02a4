//go:build kind

package kind

import (
	"context"
	"testing"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"
)

// backendRolls replaces and scales the pods of a Service under load.
func backendRolls() types.Feature {
	var f fixture
	return features.New("backend rolls").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.begin(ctx, t, "backend")
			return ctx
		}).
		Assess("a rolling update of the backend loses no request", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				f.restart(ctx, t, "Deployment", f.namespace, "echo")
				must(t, f.deployed(ctx, f.namespace, "echo"))
			})
			return ctx
		}).
		Assess("2, 20 and again 2 pods lose no request", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				f.heavily(func() { f.scale(ctx, t, f.namespace, "echo", 20) })
				f.scale(ctx, t, f.namespace, "echo", 2)
			})
			return ctx
		}).Feature()
}
