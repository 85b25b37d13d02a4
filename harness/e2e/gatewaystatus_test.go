//go:build local

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
)

// statusObjects is a Gateway with routes, a ListenerSet and a policy.
const statusObjects = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: contour}
spec: {controllerName: projectcontour.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: contour
  allowedListeners: {namespaces: {from: Same}}
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set}
spec:
  parentRef: {name: web}
  listeners: [{name: http, port: 8081, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: of-set}
spec:
  parentRefs: [{kind: ListenerSet, name: set}]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
`

// statusRoute is a route with its name and the first label of its hostname.
const statusRoute = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s}
spec:
  parentRefs: [{name: web}]
  hostnames: [%s.example]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
`

// A status is written when it changes, once: neither in a minute of quiet nor by a new leader. Entries of another controller in the status
// of a route stay as they are, however both interleave.
func TestStatusesOfGateways(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute, and does not depend on the configuration")
	}
	s := start(t, testsystem.Options{ServeArgs: []string{
		"--gateway-api", "--gateway-addresses=" + fmt.Sprintf("127.%d.%d.0/24", 51+os.Getpid()%50, os.Getpid()/50%250),
		"--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2s", "--leader-election-retry-period=500ms",
	}})
	f := newFixture(t, s)
	installCRDsOf(f, "v1.6.3", "standard")
	f.service("shop", f.server("shop", "0"))
	f.apply(statusObjects)
	for i := range 10 {
		f.apply(statusRoute, fmt.Sprint("r", i), fmt.Sprint("r", i))
	}
	gatewayObject(f, "Gateway", "web").until("is programmed", func(o *kube.Object) string { return want(o, 1, "http:10 Programmed=True/Programmed") })
	gatewayObject(f, "ListenerSet", "set").until("is programmed", func(o *kube.Object) string { return want(o, 1, "Programmed=True/Programmed") })
	w := watchStatuses(f)
	w.after(rest)
	w.writesOfEdits()
	w.foreignEntries()
	w.twoControllers()
	first := s.Controllers[0]
	leader := waitForLeader(t, s, "")
	if _, err := s.AddController(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.take()
	if err := s.KillController(first); err != nil {
		t.Fatal(err)
	}
	waitForLeader(t, s, leader)
	waitForConnection(t, s)
	w.quiet("of a change of the leader and a minute of quiet", minute)
}

// The number of observations without a change after which there is quiet.
const (
	rest   = 100
	minute = int(time.Minute / poll.Interval)
)

// statuses counts the changes of objects.
type statuses struct {
	*fixture
	client dynamic.Interface

	mu      sync.Mutex
	changes map[string]int // since take, by kind and name
}

func watchStatuses(f *fixture) *statuses {
	f.t.Helper()
	client, err := dynamic.NewForConfig(f.s.Cluster.Config)
	if err != nil {
		f.t.Fatal(err)
	}
	w := &statuses{fixture: f, client: client, changes: map[string]int{}}
	for _, kind := range []string{"gatewayclasses", "gateways", "httproutes", "grpcroutes", "listenersets"} {
		resource := w.of(kind)
		list, err := resource.List(f.t.Context(), metav1.ListOptions{})
		if err != nil {
			f.t.Fatal(err)
		}
		events, err := resource.Watch(f.t.Context(), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(events.Stop)
		go w.count(events)
	}
	return w
}

// of is the client of a kind, in the namespace of the test if it has namespaces.
func (w *statuses) of(resource string) dynamic.ResourceInterface {
	of := w.client.Resource(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: resource})
	if resource == "gatewayclasses" {
		return of
	}
	return of.Namespace(w.namespace)
}

func (w *statuses) count(events watch.Interface) {
	for e := range events.ResultChan() {
		if o, ok := e.Object.(*unstructured.Unstructured); ok && e.Type == watch.Modified {
			w.mu.Lock()
			w.changes[o.GetKind()+" "+o.GetName()]++
			w.mu.Unlock()
		}
	}
}

// take returns the changes since the last call.
func (w *statuses) take() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.changes
	w.changes = map[string]int{}
	return taken
}

// after returns the changes until so many observations in a row have seen none.
func (w *statuses) after(quiet int) map[string]int {
	w.t.Helper()
	all, same := map[string]int{}, 0
	err := poll.Until(w.t.Context(), 3*time.Minute, "quiet", func(context.Context) (bool, string, error) {
		now := w.take()
		if same++; len(now) > 0 {
			same = 0
		}
		for k, n := range now {
			all[k] += n
		}
		return same >= quiet, fmt.Sprint(all), nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// quiet checks that nothing is written, after what is on its way.
func (w *statuses) quiet(when string, observations int) {
	w.t.Helper()
	if got := w.after(observations); len(got) > 0 {
		w.t.Errorf("writes %s: %v", when, got)
	}
}

// writesOfEdits checks that an edit is followed by one write of each status that it changes, and of no other.
func (w *statuses) writesOfEdits() {
	w.t.Helper()
	check := func(edit string, want map[string]int) {
		w.t.Helper()
		if diff := cmp.Diff(want, w.after(rest)); diff != "" {
			w.t.Errorf("changes by %s, with the edit itself (-want +got):\n%s", edit, diff)
		}
	}
	w.apply(statusRoute, "r3", "other")
	check("another hostname", map[string]int{"HTTPRoute r3": 2})
	w.apply(statusRoute, "added", "added")
	check("an added route", map[string]int{"HTTPRoute added": 1, "Gateway web": 1})
	if err := w.s.Kube.Delete(w.t.Context(), gatewayObject(w.fixture, "HTTPRoute", "added").ref); err != nil {
		w.t.Fatal(err)
	}
	check("its deletion", map[string]int{"Gateway web": 1})
	label := []byte(`{"metadata": {"labels": {"team": "a"}}}`)
	if _, err := w.of("httproutes").Patch(w.t.Context(), "r4", types.MergePatchType, label, metav1.PatchOptions{}); err != nil {
		w.t.Fatal(err)
	}
	check("a label", map[string]int{"HTTPRoute r4": 1})
}

// foreignEntry returns the entry of another controller.
func foreignEntry(round int) map[string]any {
	return map[string]any{
		"controllerName": "example.com/other", "parentRef": map[string]any{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "web", "port": int64(8080)},
		"conditions": []any{map[string]any{
			"type": "Accepted", "status": []string{"True", "False"}[round%2], "reason": fmt.Sprint("Round", round), "message": "", "observedGeneration": int64(round),
			"lastTransitionTime": "2026-01-02T03:04:05Z",
		}},
	}
}

// foreignEntries has another controller write a status 1,000 times while the route is edited.
func (w *statuses) foreignEntries() {
	w.t.Helper()
	const writes, each = 1000, 10
	routes := w.of("httproutes")
	before := w.written()
	var last map[string]any
	for round := range writes {
		if round%each == 0 {
			edit := fmt.Sprintf(`{"spec": {"hostnames": ["round%d.example"]}}`, round)
			if _, err := routes.Patch(w.t.Context(), "r0", types.MergePatchType, []byte(edit), metav1.PatchOptions{}); err != nil {
				w.t.Fatal(err)
			}
		}
		last = w.writeForeign(routes, round, last)
	}
	gatewayObject(w.fixture, "HTTPRoute", "r0").until("has both entries", func(o *kube.Object) string {
		parents, _, _ := unstructured.NestedSlice(o.Object, "status", "parents")
		foreign := slices.IndexFunc(parents, func(p any) bool { return p.(map[string]any)["controllerName"] == "example.com/other" })
		if len(parents) != 2 || foreign < 0 || !cmp.Equal(parents[foreign], any(last)) {
			return fmt.Sprint(parents)
		}
		own := o.DeepCopy()
		_ = unstructured.SetNestedSlice(own.Object, []any{parents[1-foreign]}, "status", "parents")
		return want(own, o.GetGeneration(), "web Accepted=True/Accepted")
	})
	if got := w.written() - before; got > writes/each || got == 0 {
		w.t.Errorf("%d statuses are written for %d edits and %d writes of another controller", got, writes/each, writes)
	}
	w.after(rest)
}

// writeForeign writes the entry of a round, after it has checked that of the last one.
func (w *statuses) writeForeign(routes dynamic.ResourceInterface, round int, last map[string]any) map[string]any {
	w.t.Helper()
	for {
		o, err := routes.Get(w.t.Context(), "r0", metav1.GetOptions{})
		if err != nil {
			w.t.Fatal(err)
		}
		parents, _, _ := unstructured.NestedSlice(o.Object, "status", "parents")
		at := slices.IndexFunc(parents, func(p any) bool { return p.(map[string]any)["controllerName"] == "example.com/other" })
		next := foreignEntry(round)
		switch {
		case at < 0 && last != nil:
			w.t.Fatalf("round %d: the entry is lost: %v", round, parents)
		case at < 0:
			parents = append(parents, next)
		default:
			if diff := cmp.Diff(any(last), parents[at]); diff != "" {
				w.t.Fatalf("round %d: the entry is changed (-written +read):\n%s", round, diff)
			}
			parents[at] = next
		}
		if err := unstructured.SetNestedSlice(o.Object, parents, "status", "parents"); err != nil {
			w.t.Fatal(err)
		}
		_, err = routes.UpdateStatus(w.t.Context(), o, metav1.UpdateOptions{})
		if err == nil {
			return next
		}
		if !apierrors.IsConflict(err) {
			w.t.Fatal(err)
		}
	}
}

// written is how many statuses of HTTPRoutes the controllers have written.
func (w *statuses) written() int {
	w.t.Helper()
	n := 0.0
	for _, c := range w.s.Controllers {
		m, err := c.Metrics(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		n += m.Sum("contour_status_update_success_total", `kind="HTTPRoute"`) - m.Sum("contour_status_update_noop_total", `kind="HTTPRoute"`)
	}
	return int(n)
}

// twoControllers has two controllers that serve one route: each has its entry, and neither writes because the other does.
func (w *statuses) twoControllers() {
	w.t.Helper()
	second, err := w.s.Beside(w.t.Context(), "second", testsystem.Options{ServeArgs: []string{
		"--gateway-api", "--gateway-controller-name=example.com/second", "--gateway-addresses=" + fmt.Sprintf("127.%d.%d.0/24", 11+os.Getpid()%40, os.Getpid()/50%250),
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	both := gatewayObject(w.fixture, "HTTPRoute", "r1")
	entries := func(want ...string) {
		w.t.Helper()
		both.until(fmt.Sprint("has entries ", want), func(o *kube.Object) string {
			got := map[string]bool{}
			parents, _, _ := unstructured.NestedSlice(o.Object, "status", "parents")
			for _, p := range parents {
				p := p.(map[string]any)
				name, _, _ := unstructured.NestedString(p, "parentRef", "name")
				got[fmt.Sprint(p["controllerName"], " ", name)] = true
			}
			if !slices.Equal(slices.Sorted(maps.Keys(got)), want) || len(parents) != len(want) {
				return fmt.Sprint(parents)
			}
			return ""
		})
	}
	w.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: second}
spec: {controllerName: example.com/second}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: second}
spec:
  gatewayClassName: second
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r1}
spec:
  parentRefs: [{name: web}, {name: second}]
  hostnames: [both.example]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
`)
	entries("example.com/second second", "projectcontour.io/gateway-controller web")
	gatewayObject(w.fixture, "Gateway", "second").until("is programmed", func(o *kube.Object) string { return want(o, 1, "http:1 Programmed=True/Programmed") })
	w.after(rest)
	w.apply(statusRoute, "r1", "both")
	entries("projectcontour.io/gateway-controller web")
	if got := w.after(rest)["HTTPRoute r1"]; got != 3 {
		w.t.Errorf("the route is changed %d times, want 3: by the edit and by each controller", got)
	}
	if err := errors.Join(second.Check(w.t.Context()), second.Stop()); err != nil {
		w.t.Error(err)
	}
}
