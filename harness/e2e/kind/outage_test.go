//go:build kind

package kind

import (
	"context"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"
)

// away is how long the API server is stopped.
const away = time.Minute

// serverIsAway stops the API server, which runs as a static pod of the control plane. The namespace f stays.
func serverIsAway(f *fixture) types.Feature {
	return features.New("API server is away").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.stay(ctx, t, "outage")
			f.allEnded(ctx, t) // objects that end during the outage end long after it
			return ctx
		}).
		Assess("a minute without API server loses no request", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() { f.withoutServer(ctx, t, func() { pause(ctx, away) }) })
			return ctx
		}).
		Assess("a change made afterwards is served", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			// A watch that has failed for a minute is retried after at most another minute.
			f.change(ctx, t, "afterwards", podTimeout)
			return ctx
		}).
		Assess("neither a controller nor an Envoy has restarted", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			must(t, f.ready(ctx))
			for _, pod := range f.mustPods(ctx, t, "app in (contour,envoy)") {
				for _, s := range pod.Status.ContainerStatuses {
					if s.RestartCount > 0 {
						t.Errorf("%s of %s has restarted %d times", s.Name, pod.Name, s.RestartCount)
					}
				}
			}
			return ctx
		}).Feature()
}

// withoutServer calls do while the API server is stopped, and returns when it answers again.
func (w *environment) withoutServer(ctx context.Context, t *testing.T, do func()) {
	t.Helper()
	const manifests, aside = "/etc/kubernetes/manifests/", "/etc/kubernetes/"
	node := func(command string) string {
		t.Helper()
		out, err := w.kind.Engine.Output(context.WithoutCancel(ctx), "exec", w.controlPlane(), "sh", "-c", command)
		must(t, err)
		return out
	}
	answers := func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return w.api.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
	}
	start := time.Now()
	// A killed API server cannot first remove itself from its Service; otherwise kube-proxies reject connections for minutes after its return.
	// Without its manifest the kubelet does not start it again. The controller manager, which would exit repeatedly, and so
	// be restarted with an increasing back-off, is stopped as well: otherwise the cluster needs a minute more to recover than its API server.
	node("pkill -KILL -x kube-apiserver; cd " + manifests + "; mv kube-apiserver.yaml kube-controller-manager.yaml " + aside)
	defer func() {
		t.Helper()
		node("mv " + aside + "kube-apiserver.yaml " + manifests)
		defer node("mv " + aside + "kube-controller-manager.yaml " + manifests)
		must(t, until(ctx, podTimeout, "API server", func(ctx context.Context) (bool, string, error) {
			return answers(ctx), "does not answer", nil
		}))
		t.Logf("the API server answers again after %s", time.Since(start).Round(time.Second))
	}()
	must(t, until(ctx, podTimeout, "end of the API server", func(ctx context.Context) (bool, string, error) {
		pid := node("pgrep -x kube-apiserver || true")
		return pid == "", "process " + pid, nil
	}))
	t.Logf("the API server is stopped after %s", time.Since(start).Round(time.Second))
	do()
}

// ofOutage reports whether a controller may log a line as an error because there is no API server: client-go does so
// itself when the Lease cannot be read or renewed.
func ofOutage(line string) bool { return strings.Contains(line, "lock=projectcontour/leader-elect") }
