//go:build kind

package kind

import (
	"context"
	"testing"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"
)

// controllersRoll replaces all controllers, as an upgrade does.
func controllersRoll() types.Feature {
	var f fixture
	return features.New("controllers roll").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.begin(ctx, t, "controller")
			return ctx
		}).
		Assess("a rolling restart of the controller loses no request", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				f.restart(ctx, t, "Deployment", namespace, "contour")
				must(t, f.deployed(ctx, namespace, "contour"))
			})
			return ctx
		}).
		Assess("the new controllers serve a change", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.change(ctx, t, "rolled", seen)
			return ctx
		}).Feature()
}

// leaderIsKilled kills the controller that writes statuses.
func leaderIsKilled() types.Feature {
	var f fixture
	return features.New("leader is killed").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.begin(ctx, t, "controller")
			return ctx
		}).
		Assess("the loss of the leader loses no request", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() { f.killLeader(ctx, t) })
			return ctx
		}).
		Assess("the new leader serves a change and writes its status", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.change(ctx, t, "succeeded", seen)
			return ctx
		}).Feature()
}

// killLeader kills it without grace, and returns when there is a new leader and the pod is replaced.
func (w *environment) killLeader(ctx context.Context, t *testing.T) {
	t.Helper()
	var old string
	observe := func(ctx context.Context) (bool, string, error) {
		now, err := w.leader(ctx)
		if err != nil {
			return false, err.Error(), nil
		}
		if now == "" || now == old {
			return false, "leader is " + now, nil
		}
		old = now
		return true, "", nil
	}
	must(t, until(ctx, podTimeout, "leader", observe))
	w.deletePod(ctx, t, old, new(int64))
	must(t, until(ctx, podTimeout, "another leader", observe))
	must(t, w.deployed(ctx, namespace, "contour"))
}
