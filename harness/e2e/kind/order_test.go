//go:build kind

package kind

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/traffic"
)

// startInAnyOrder has Envoys that start long before a controller.
func startInAnyOrder() types.Feature {
	var f fixture
	moment := int64(1)
	return features.New("start in any order").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.begin(ctx, t, "order")
			f.scale(ctx, t, namespace, "contour", 0)
			for _, pod := range f.mustPods(ctx, t, "app=envoy") {
				f.deletePod(ctx, t, pod.Name, &moment)
				f.deleted(ctx, t, pod.UID, "app=envoy")
			}
			return ctx
		}).
		Assess("Envoys that have no configuration run, but are not ready", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			must(t, until(ctx, podTimeout, "Envoys that run", func(ctx context.Context) (bool, string, error) {
				return f.envoysWait(ctx)
			}))
			pause(ctx, lookout)
			if ok, seen, err := f.envoysWait(ctx); !ok || err != nil {
				t.Errorf("Envoys: %s, %v", seen, err)
			}
			if a, err := f.at.traffic.Do(ctx, traffic.Request{Host: f.host("shop")}); err == nil && a.Backend() != "" {
				t.Errorf("without any controller: %s", a)
			}
			return ctx
		}).
		Assess("all is served once there are controllers", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.scale(ctx, t, namespace, "contour", 2)
			must(t, f.ready(ctx))
			f.answered(ctx, t, traffic.Request{Host: f.host("shop")}, by("echo"))
			f.answered(ctx, t, f.secure("shop"), by("echo"))
			return ctx
		}).Feature()
}

// envoysWait reports whether every worker has an Envoy that runs, and none is ready.
func (w *environment) envoysWait(ctx context.Context) (bool, string, error) {
	pods, err := w.pods(ctx, namespace, "app=envoy")
	if err != nil {
		return false, err.Error(), nil
	}
	running := 0
	for _, pod := range pods {
		for _, s := range pod.Status.ContainerStatuses {
			if s.Name == "envoy" && s.Ready {
				return false, "", fmt.Errorf("%s is ready", pod.Name)
			}
			if s.Name == "envoy" && pod.Status.Phase == corev1.PodRunning && s.State.Running != nil {
				running++
			}
		}
	}
	return running == workers, fmt.Sprintf("%d run", running), nil
}
