//go:build local

package manifest_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"contour.example/harness/address"
	"contour.example/harness/controller"
	"contour.example/harness/kube"
	"contour.example/harness/manifest"
	"contour.example/harness/poll"
)

// A controller whose role lacks permissions says which, is alive and not ready, and serves as soon as they are granted, without a restart.
func TestMissingPermission(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.namespace = manifest.Namespace
	objects, err := manifest.Objects(t.Context(), manifest.Base)
	w.require(err)
	_, err = manifest.Install(t.Context(), w.client, without(t, objects, "httpproxies", "events"))
	w.require(err)
	dir := t.TempDir()
	ports, err := address.New()
	w.require(err)
	t.Cleanup(func() { _ = ports.Close() })
	listeners, err := controller.ClaimListeners(ports)
	w.require(err)
	c, err := controller.Start(controller.Options{
		Path: w.contour, Name: "contour", Dir: dir, Namespace: w.namespace, Listeners: listeners, Kubeconfig: w.kubeconfigOf("contour", dir),
	}, ports)
	w.require(err)
	t.Cleanup(func() { _ = c.Kill() })
	missing := []string{"list httpproxies.projectcontour.io", "watch httpproxies.projectcontour.io", "create events.events.k8s.io"}
	w.require(poll.Until(t.Context(), waitTimeout, "the metrics about permissions", func(ctx context.Context) (bool, string, error) {
		if err := c.Healthy(ctx); err != nil { // not yet, and no longer if it has ended
			return false, err.Error(), c.Err()
		}
		series := w.permissionsInMetrics(c)
		return len(series) == len(missing), fmt.Sprint(series), nil
	}))
	text, err := os.ReadFile(c.Log())
	w.require(err)
	for _, permission := range missing {
		if want := fmt.Sprintf(`permission="%s" namespace="" effect=`, permission); !strings.Contains(string(text), want) {
			t.Errorf("the log does not contain %s:\n%s", want, text)
		}
	}
	w.require(c.Healthy(t.Context()))
	if conn, err := net.Dial("tcp", c.XDSAddress()); err == nil {
		_ = conn.Close()
		t.Error("the controller is ready")
	}

	_, err = manifest.Install(t.Context(), w.client, objects)
	w.require(err)
	w.require(c.Ready(t.Context()))
	w.require(poll.Until(t.Context(), waitTimeout, "an end of the metrics about permissions", func(context.Context) (bool, string, error) {
		left := w.permissionsInMetrics(c)
		return len(left) == 0, fmt.Sprint(left), nil
	}))
	w.require(c.Stop(waitTimeout))
}

// permissionsInMetrics returns the series of what is missing.
func (w *environment) permissionsInMetrics(c *controller.Controller) (series []string) {
	w.Helper()
	page, err := c.MetricsPage(w.Context())
	w.require(err)
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "contour_permission_missing{") {
			series = append(series, line)
		}
	}
	return series
}

// without returns the objects with a ClusterRole of the controller that does not name those resources.
func without(t *testing.T, objects []*kube.Object, resources ...string) (all []*kube.Object) {
	t.Helper()
	removed := 0
	for _, o := range objects {
		if o.GetKind() == "ClusterRole" && o.GetName() == "contour" {
			o = o.DeepCopy()
			rules, _, err := unstructured.NestedSlice(o.Object, "rules")
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range rules {
				of := rule.(map[string]any)
				of["resources"] = slices.DeleteFunc(of["resources"].([]any), func(r any) bool {
					found := slices.Contains(resources, fmt.Sprint(r))
					if found {
						removed++
					}
					return found
				})
			}
			rules = slices.DeleteFunc(rules, func(rule any) bool { return len(rule.(map[string]any)["resources"].([]any)) == 0 })
			if err := unstructured.SetNestedSlice(o.Object, rules, "rules"); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, o)
	}
	if removed != len(resources) {
		t.Fatalf("%d of %d resources were in the role", removed, len(resources))
	}
	return all
}
