//go:build kind

package kind

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"
)

// drained bounds the termination of two Envoys, one after the other: each takes at most 300 s.
const drained = 12 * time.Minute

// envoyIsDeleted deletes one of two Envoys, with its grace period.
func envoyIsDeleted() types.Feature {
	var f fixture
	return features.New("Envoy is deleted").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.begin(ctx, t, "envoy")
			return ctx
		}).
		Assess("the end of one Envoy loses no request", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			pod := f.mustPods(ctx, t, "app=envoy")[0]
			f.underLoad(ctx, t, f.host("shop"), func() {
				start := time.Now()
				f.deletePod(ctx, t, pod.Name, nil)
				f.deleted(ctx, t, pod.UID, "app=envoy")
				t.Logf("%s was drained and removed after %s", pod.Name, time.Since(start).Round(time.Second))
				must(t, f.envoysReady(ctx, drained))
			})
			return ctx
		}).Feature()
}

// envoysRoll replaces all Envoys, as an upgrade does.
func envoysRoll() types.Feature {
	var f fixture
	return features.New("Envoys roll").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.begin(ctx, t, "envoy")
			return ctx
		}).
		Assess("a rolling restart of the DaemonSet loses no request", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				f.restart(ctx, t, "DaemonSet", namespace, "envoy")
				must(t, f.envoysReady(ctx, drained))
			})
			return ctx
		}).Feature()
}
