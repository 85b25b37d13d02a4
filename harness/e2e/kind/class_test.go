//go:build kind

package kind

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubewatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/kube"
	"contour.example/harness/traffic"
)

// anotherClass runs a second controller in the cluster, for another ingress class. The first is rolled and loses its leader
// in features that run at the same time.
func anotherClass(s *second) types.Feature {
	var f fixture
	var h *history
	return features.New("another class").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.at = s.need(ctx, t)
			h = shared.follow(ctx, t)
			f.begin(ctx, t, "class")
			return ctx
		}).
		Assess("an object is served by the Envoys of its class and by no others", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.servedByOwn(ctx, t)
			return ctx
		}).
		Assess("no controller has written another's status", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.ownStatuses(ctx, t, h)
			return ctx
		}).
		Assess("no controller of the second class has restarted or logged an error", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			for _, problem := range s.controllers.problems(never) {
				t.Error(problem)
			}
			return ctx
		}).Feature()
}

// never allows no line of a log.
func never(string) bool { return false }

// sides are the installation that an object is for, by its label, and the other one.
func (f *fixture) sides(o *kube.Object) (own, other *installation) {
	if o.GetLabels()["served-by"] == "second" {
		return f.at, f.first()
	}
	return f.first(), f.at
}

// labelled are the objects of the fixture with a label that names the installation that serves them.
func (f *fixture) labelled(ctx context.Context, t *testing.T) (all []kube.Object) {
	t.Helper()
	for _, r := range routed() {
		list, err := f.dynamic.Resource(r).Namespace(f.namespace).List(ctx, metav1.ListOptions{LabelSelector: "served-by"})
		must(t, err)
		all = append(all, list.Items...)
	}
	if len(all) == 0 {
		t.Fatal("no objects")
	}
	return all
}

// routed are the kinds that have a status with addresses.
func routed() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{
		{Group: "projectcontour.io", Version: "v1", Resource: "httpproxies"},
		{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
	}
}

func (f *fixture) servedByOwn(ctx context.Context, t *testing.T) {
	t.Helper()
	objects := f.labelled(ctx, t)
	for _, o := range objects {
		own, _ := f.sides(&o)
		own.answered(ctx, t, traffic.Request{Host: f.host(o.GetName())}, by("echo"))
	}
	// If the other installation would serve them, it would do so by now.
	for _, o := range objects {
		_, other := f.sides(&o)
		other.answered(ctx, t, traffic.Request{Host: f.host(o.GetName())}, func(a traffic.Answer) string {
			if a.Status != http.StatusNotFound {
				return a.String()
			}
			return ""
		})
	}
}

// ownStatuses waits until each object's status has the address of its own Envoys, and requires that no version of it had
// another one.
func (f *fixture) ownStatuses(ctx context.Context, t *testing.T, h *history) {
	t.Helper()
	for _, o := range f.labelled(ctx, t) {
		own, _ := f.sides(&o)
		ref, want := kube.RefTo(&o), fmt.Sprint([]string{own.balanced.String()})
		must(t, until(ctx, seen, "status of "+ref.String(), func(context.Context) (bool, string, error) {
			all := h.of(ref)
			i := slices.IndexFunc(all, func(addresses string) bool { return addresses != "[]" && addresses != want })
			if i >= 0 {
				return false, "", fmt.Errorf("status has had the addresses %s, want %s and no others", all[i], want)
			}
			return slices.Contains(all, want), fmt.Sprint(all), nil
		}))
	}
}

func (f *fixture) versions(ctx context.Context, t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, o := range f.labelled(ctx, t) {
		all[kube.RefTo(&o).String()] = o.GetResourceVersion()
	}
	return all
}

// history is the addresses in the status of each version of an object.
type history struct {
	mu        sync.Mutex
	addresses map[kube.Ref][]string
}

// follow starts a history of all objects that have addresses; it ends with t.
func (w *environment) follow(ctx context.Context, t *testing.T) *history {
	t.Helper()
	h := &history{addresses: map[kube.Ref][]string{}}
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	for _, r := range routed() {
		events, err := w.dynamic.Resource(r).Watch(ctx, metav1.ListOptions{})
		must(t, err)
		t.Cleanup(events.Stop)
		done.Go(func() {
			for e := range events.ResultChan() {
				h.note(e)
			}
		})
	}
	return h
}

func (h *history) note(e kubewatch.Event) {
	o, ok := e.Object.(*kube.Object)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addresses[kube.RefTo(o)] = append(h.addresses[kube.RefTo(o)], addresses(o))
}

// addresses are those in the status of an object, like [192.0.2.1 192.0.2.2].
func addresses(o *kube.Object) string {
	ingress, _, _ := unstructured.NestedSlice(o.Object, "status", "loadBalancer", "ingress")
	all := []string{}
	for _, i := range ingress {
		one, _ := i.(map[string]any)
		all = append(all, fmt.Sprint(one["ip"]))
	}
	return fmt.Sprint(all)
}

func (h *history) of(ref kube.Ref) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.addresses[ref])
}
