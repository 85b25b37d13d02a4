//go:build kind

package kind

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/kube"
)

const (
	// idleTime is how long nothing may be written when nothing changes.
	idleTime = 30 * time.Second
	// removal bounds the removal of everything that was installed: an Envoy that has clients takes up to five minutes.
	removal = 6 * time.Minute
)

// atRest checks the state after all other features. It uses the namespace f, if that exists.
func atRest(f *fixture) types.Feature {
	return features.New("at rest").
		Assess("no controller has restarted or logged an error", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			shared.describeFailure(ctx, t)
			for _, problem := range shared.controllers.problems(ofOutage) {
				t.Error(problem)
			}
			return ctx
		}).
		Assess("nothing is written while nothing changes", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			// A host that stays, so that there is something to write.
			if f.namespace == "" {
				f.stay(ctx, t, "rest")
			}
			t.Cleanup(func() { f.end(ctx, t) })
			f.describeFailure(ctx, t)
			f.change(ctx, t, "last", seen)
			f.allEnded(ctx, t)
			before := f.stable(ctx, t)
			pause(ctx, idleTime)
			after, err := f.inventory(ctx)
			must(t, err)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("written in %s (-before +after):\n%s", idleTime, diff)
			}
			return ctx
		}).Feature()
}

// stable returns the inventory when it has not changed for two seconds.
func (w *environment) stable(ctx context.Context, t *testing.T) (now map[string]string) {
	t.Helper()
	must(t, until(ctx, podTimeout, "end of all changes", func(ctx context.Context) (bool, string, error) {
		before := now
		var err error
		if now, err = w.inventory(ctx); err != nil {
			return false, err.Error(), nil
		}
		diff := cmp.Diff(before, now)
		if diff != "" {
			pause(ctx, 2*time.Second)
		}
		return diff == "", diff, nil
	}))
	return now
}

// allEnded waits until no namespace is being deleted.
func (w *environment) allEnded(ctx context.Context, t *testing.T) {
	t.Helper()
	must(t, until(ctx, podTimeout, "end of namespaces", func(ctx context.Context) (bool, string, error) {
		ending, err := w.syncEnding(ctx, t)
		return err == nil && len(ending) == 0, fmt.Sprint(ending, err), nil
	}))
}

// syncEnding returns the namespaces that are being deleted. It triggers a sync of those whose pods are deleted: Kubernetes would wait for
// half of the grace period of these pods, which for an Envoy that was drained in half a minute is two minutes more.
func (w *environment) syncEnding(ctx context.Context, t *testing.T) (ending []string, err error) {
	t.Helper()
	list, err := w.api.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("namespaces: %w", err)
	}
	for _, n := range list.Items {
		if n.DeletionTimestamp == nil {
			continue
		}
		ending = append(ending, n.Name)
		touched, err := w.testcluster.SyncNamespace(ctx, n.Name)
		if err != nil {
			return ending, err
		}
		if touched {
			t.Logf("the pods of %s were deleted after %s; its Namespace was annotated", n.Name, time.Since(n.DeletionTimestamp.Time).Round(time.Second))
		}
	}
	return ending, nil
}

// uninstall deletes what was installed, as a user does.
func uninstall() types.Feature {
	return features.New("uninstall").
		Assess("kubectl delete -f leaves nothing", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			shared.describeFailure(ctx, t)
			start := time.Now()
			must(t, shared.kubectl(ctx, "delete", "--wait=false", "--filename=-"))
			seen := ""
			must(t, until(ctx, removal, "end of all objects", func(ctx context.Context) (bool, string, error) {
				_, err := shared.syncEnding(ctx, t)
				if err != nil {
					return false, err.Error(), nil
				}
				left, err := shared.left(ctx)
				if err != nil {
					return false, err.Error(), nil
				}
				if now := fmt.Sprint(left); now != seen && len(left) <= 10 { // the last ones
					t.Logf("left after %s: %s", time.Since(start).Round(time.Second), now)
					seen = now
				}
				pause(ctx, lookout)
				return len(left) == 0, fmt.Sprint(left), nil
			}))
			t.Logf("all was removed after %s", time.Since(start).Round(time.Second))
			return ctx
		}).Feature()
}

// left is what exists and did not exist before the manifests were applied.
func (w *environment) left(ctx context.Context) ([]string, error) {
	now, err := w.inventory(ctx)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(now)), func(name string) bool { _, was := w.before[name]; return was }), err
}

// unstable are kinds that are written all the time, or that remain for a while without being used.
var unstable = []string{"Event", "Lease", "Node", "CSINode", "CertificateSigningRequest", "IPAddress", "ComponentStatus", "Endpoints"}

// inventory is the versions of all objects by kind and name, except those that the cluster itself creates.
func (w *environment) inventory(ctx context.Context) (map[string]string, error) {
	lists, err := w.kinds.ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("kinds: %w", err)
	}
	all := map[string]string{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("kinds: %w", err)
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "delete") || slices.Contains(unstable, r.Kind) {
				continue
			}
			if err := w.add(ctx, all, gv.WithResource(r.Name)); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (w *environment) add(ctx context.Context, all map[string]string, r schema.GroupVersionResource) error {
	list, err := w.dynamic.Resource(r).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) { // a kind that is being deleted
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", r.Resource, err)
	}
	for _, o := range list.Items {
		if o.GetNamespace() != "kube-system" {
			all[kube.RefTo(&o).String()] = version(&o)
		}
	}
	return nil
}

// version changes with every write to the object; for a Pod, except writes of its kubelet, which after an outage reports
// late. What matters of these is in EndpointSlices, too.
func version(o *kube.Object) string {
	if o.GetKind() == "Pod" {
		return fmt.Sprintf("%s, generation %d", o.GetUID(), o.GetGeneration())
	}
	return o.GetResourceVersion()
}
