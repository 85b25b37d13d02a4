//go:build kind

package kind

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/kube"
)

const (
	// burst is the number of HTTPProxies that are created, each with some routes, and tooLittle the memory of the controller: without them
	// it uses 20 MiB, with two thirds of them more than this.
	burst     = 2000
	tooLittle = "26Mi"
	// makers is the number of HTTPProxies that are created, and requested, at a time.
	makers = 8
)

// outOfMemory makes the kernel kill a controller while it publishes.
func outOfMemory(s *second) types.Feature {
	var f fixture
	var h *history
	var before map[string]string
	return features.New("controller is out of memory").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.at = s.need(ctx, t)
			h = shared.follow(ctx, t)
			f.begin(ctx, t, "memory")
			f.ownStatuses(ctx, t, h)
			before = f.versions(ctx, t)
			f.limitMemory(ctx, t, `"requests":{"memory":"`+tooLittle+`"},"limits":{"memory":"`+tooLittle+`"}`)
			return ctx
		}).
		Assess("no request fails while it is killed, and with enough memory its Envoys receive the whole configuration", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				f.heavily(func() {
					made := f.makeMany(ctx, t)
					f.killedByKernel(ctx, t)
					f.partlyConfigured(ctx, t, made.Load())
					f.limitMemory(ctx, t, `"requests":{"memory":"256Mi"},"limits":{"memory":null}`)
					f.allConfigured(ctx, t)
				})
				f.allAnswered(ctx, t)
				f.allValid(ctx, t)
			})
			return ctx
		}).
		Assess("neither it nor its successor has written the status of another class", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.ownStatuses(ctx, t, h)
			if diff := cmp.Diff(before, f.versions(ctx, t)); diff != "" {
				t.Errorf("resource versions (-before +after):\n%s", diff)
			}
			return ctx
		}).Feature()
}

// limitMemory changes the memory limit of the controller, and returns when it runs with that limit.
func (f *fixture) limitMemory(ctx context.Context, t *testing.T, resources string) {
	t.Helper()
	must(t, f.patchDeployment(ctx, f.at.namespace, "contour",
		`{"spec":{"template":{"spec":{"containers":[{"name":"contour","resources":{`+resources+`}}]}}}}`))
	must(t, f.deployed(ctx, f.at.namespace, "contour"))
}

// makeMany starts to create HTTPProxies many-0, many-1 and so on, and counts them. All are created when t ends, unless it
// failed.
func (f *fixture) makeMany(ctx context.Context, t *testing.T) *atomic.Int64 {
	t.Helper()
	made, ended := new(atomic.Int64), make(chan error, 1)
	proxies := f.dynamic.Resource(routed()[0]).Namespace(f.namespace)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		var all errgroup.Group
		all.SetLimit(makers)
		for i := range burst {
			all.Go(func() error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				_, err := proxies.Create(ctx, f.many(i), metav1.CreateOptions{})
				made.Add(1)
				return err
			})
		}
		ended <- all.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return made
}

func (f *fixture) many(i int) *kube.Object {
	host := fmt.Sprintf("many-%d", i)
	return &kube.Object{Object: map[string]any{
		"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": map[string]any{"name": host},
		"spec": map[string]any{
			"ingressClassName": f.at.class,
			"virtualhost":      map[string]any{"fqdn": f.host(host)},
			"routes":           []any{toEcho("/"), toEcho("/a"), toEcho("/b"), toEcho("/c"), toEcho("/d")},
		},
	}}
}

// toEcho is a route.
func toEcho(prefix string) map[string]any {
	return map[string]any{
		"conditions": []any{map[string]any{"prefix": prefix}},
		"services":   []any{map[string]any{"name": "echo", "port": int64(80)}},
	}
}

// killedByKernel waits until the controller was killed because it is out of memory.
func (f *fixture) killedByKernel(ctx context.Context, t *testing.T) {
	t.Helper()
	must(t, until(ctx, podTimeout, "end of the controller", func(ctx context.Context) (bool, string, error) {
		pods, err := f.pods(ctx, f.at.namespace, "app=contour")
		if err != nil {
			return false, err.Error(), nil
		}
		var ends []string
		for _, pod := range pods {
			for _, c := range pod.Status.ContainerStatuses {
				for _, ended := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
					if ended != nil {
						ends = append(ends, ended.Reason)
					}
				}
			}
		}
		return slices.Contains(ends, "OOMKilled"), fmt.Sprintf("ended because of %q", ends), nil
	}))
}

// partlyConfigured requires that the controller has published some of the objects, and not all.
func (f *fixture) partlyConfigured(ctx context.Context, t *testing.T, made int64) {
	t.Helper()
	t.Logf("killed with %d of %d HTTPProxies made", made, burst)
	for _, pod := range f.mustPods(ctx, t, "app=envoy") {
		hosts := len(f.configuration(ctx, t, pod).hosts())
		t.Logf("%s has %d hosts", pod.Name, hosts)
		if hosts < 2 || hosts >= burst { // without shop none, or all
			t.Errorf("%s has %d hosts, want some of %d", pod.Name, hosts, burst)
		}
	}
}

// allConfigured waits until each Envoy has all hosts, and requires that everything that its configuration refers to exists.
func (f *fixture) allConfigured(ctx context.Context, t *testing.T) {
	t.Helper()
	start := time.Now()
	for _, pod := range f.mustPods(ctx, t, "app=envoy") {
		must(t, until(ctx, podTimeout, "hosts of "+pod.Name, func(ctx context.Context) (bool, string, error) {
			hosts := f.configuration(ctx, t, pod).hosts()
			for i := range burst {
				if !hosts[f.host(fmt.Sprintf("many-%d", i))] {
					pause(ctx, lookout)
					return false, fmt.Sprintf("%d hosts, but not many-%d", len(hosts), i), nil
				}
			}
			return true, "", nil
		}))
		for _, missing := range f.configuration(ctx, t, pod).missing() {
			t.Errorf("%s: %s is missing", pod.Name, missing)
		}
		for _, s := range pod.Status.ContainerStatuses {
			if s.RestartCount > 0 {
				t.Errorf("%s of %s has restarted", s.Name, pod.Name)
			}
		}
	}
	t.Logf("all Envoys are right after %s", time.Since(start).Round(time.Millisecond))
}

// allAnswered sends one request to each host.
func (f *fixture) allAnswered(ctx context.Context, t *testing.T) {
	t.Helper()
	var all errgroup.Group
	all.SetLimit(makers)
	for i := range burst {
		all.Go(func() error {
			host := f.host(fmt.Sprintf("many-%d", i))
			a, err := f.at.traffic.Get(ctx, host, "/")
			if wrong := by("echo")(a); err == nil && wrong != "" {
				err = fmt.Errorf("%s: %s", host, wrong)
			}
			return err
		})
	}
	must(t, all.Wait())
}

// allValid waits until all HTTPProxies of the class are valid, with the address of their Envoys.
func (f *fixture) allValid(ctx context.Context, t *testing.T) {
	t.Helper()
	start, want := time.Now(), fmt.Sprint([]string{f.at.balanced.String()})
	must(t, until(ctx, podTimeout, "statuses", func(ctx context.Context) (bool, string, error) {
		list, err := f.dynamic.Resource(routed()[0]).Namespace(f.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error(), nil
		}
		right := 0
		for _, o := range list.Items {
			if status, generation, _ := validity(&o); status == "True" && generation == o.GetGeneration() && addresses(&o) == want {
				right++
			}
		}
		pause(ctx, lookout)
		return right == burst+1, fmt.Sprintf("%d of %d are valid", right, burst+1), nil // with shop; another class has other addresses
	}))
	t.Logf("all statuses are right after %s", time.Since(start).Round(time.Millisecond))
}
