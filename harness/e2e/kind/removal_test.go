//go:build kind

package kind

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/kube"
	"contour.example/harness/manifest"
	"contour.example/harness/traffic"
)

// secondIsRemoved deletes one of two installations.
func secondIsRemoved(s *second) types.Feature {
	var f, other fixture
	return features.New("another class is removed").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			other.at = s.need(ctx, t)
			f.begin(ctx, t, "removal")
			other.environment, other.namespace = f.environment, f.namespace
			other.answered(ctx, t, traffic.Request{Host: f.host("proxy-second")}, by("echo"))
			return ctx
		}).
		Assess("helm uninstall removes one installation and does not change the other", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			h := f.follow(ctx, t)
			other.ownStatuses(ctx, t, h)
			objects, err := manifest.Objects(ctx, manifest.Base)
			must(t, err)
			before, versions := f.identities(ctx, t, objects), other.versions(ctx, t)
			f.underLoad(ctx, t, f.host("shop"), func() { s.remove(ctx, t, f.environment) })
			if diff := cmp.Diff(before, f.identities(ctx, t, objects)); diff != "" {
				t.Errorf("objects of the first installation (-before +after):\n%s", diff)
			}
			f.change(ctx, t, "after", seen)
			if diff := cmp.Diff(versions, other.versions(ctx, t)); diff != "" {
				t.Errorf("resource versions (-before +after):\n%s", diff)
			}
			for _, name := range []string{"proxy-second", "ingress-second"} {
				f.answered(ctx, t, traffic.Request{Host: f.host(name)}, func(a traffic.Answer) string {
					if a.Status != http.StatusNotFound {
						return a.String()
					}
					return ""
				})
			}
			other.ownStatuses(ctx, t, h)
			return ctx
		}).Feature()
}

// identities are the UIDs of objects that are there.
func (w *environment) identities(ctx context.Context, t *testing.T, objects []*kube.Object) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, o := range objects {
		now, err := w.kube.Get(ctx, kube.RefTo(o))
		must(t, err)
		all[kube.RefTo(o).String()] = string(now.GetUID())
	}
	return all
}

// deleteSecond starts to delete the second installation, if it exists.
func deleteSecond(ctx context.Context, w *environment) error {
	_, err := w.testcluster.Helm(ctx, "", "uninstall", secondRelease, "--namespace="+secondNamespace, "--ignore-not-found")
	if err == nil {
		_, err = w.testcluster.Kubectl(ctx, "", "delete", "namespace", secondNamespace, "--ignore-not-found", "--wait=false")
	}
	return err
}

// remove deletes the installation as a user does, and returns when nothing of it remains.
func (s *second) remove(ctx context.Context, t *testing.T, w *environment) {
	t.Helper()
	start := time.Now()
	s.controllers.stop()
	objects, err := manifest.Objects(ctx, manifest.AnotherClass)
	must(t, err)
	must(t, deleteSecond(ctx, w))
	must(t, until(ctx, removal, "end of the second installation", func(ctx context.Context) (bool, string, error) {
		if _, err := w.syncEnding(ctx, t); err != nil {
			return false, err.Error(), nil
		}
		var left []string
		for _, o := range objects {
			if _, err := w.kube.Get(ctx, kube.RefTo(o)); !apierrors.IsNotFound(err) {
				left = append(left, kube.RefTo(o).String())
			}
		}
		pause(ctx, lookout)
		return len(left) == 0, fmt.Sprint(left), nil
	}))
	t.Logf("the second installation was removed after %s", time.Since(start).Round(time.Second))
}
