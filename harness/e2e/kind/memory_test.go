//go:build kind

package kind

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/kube"
)

const (
	// burst is the number of HTTPProxies that are created, each with some routes, and headroom the memory, in MiB, that the
	// controller may use in addition to what it uses without them. It needs that for a part of them.
	burst    = 2000
	headroom = 9
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
			f.limitMemory(ctx, t, `"requests":{"memory":"256Mi"},"limits":{"memory":"256Mi"}`) // restarts it
			tooLittle := fmt.Sprintf("%dMi", f.memoryInUse(ctx, t)+headroom)
			t.Logf("the memory of the controller is limited to %s", tooLittle)
			f.limitMemory(ctx, t, `"requests":{"memory":"`+tooLittle+`"},"limits":{"memory":"`+tooLittle+`"}`)
			return ctx
		}).
		Assess("no request fails while it is killed, and with enough memory its Envoys receive the whole configuration", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.connected(ctx, t)
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

// memoryInUse returns how much memory, in MiB, the Go runtime of the controller has from the system.
func (f *fixture) memoryInUse(ctx context.Context, t *testing.T) (mebibytes int) {
	t.Helper()
	pods, err := f.pods(ctx, f.at.namespace, "app=contour")
	must(t, err)
	if len(pods) != 1 {
		t.Fatalf("%d controllers, want 1", len(pods))
	}
	local, end, err := f.forward(ctx, pods[0], 8000)
	must(t, err)
	defer end()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+local+"/metrics", nil)
	must(t, err)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	must(t, err)
	gauge := func(name string) float64 {
		if families[name] == nil {
			t.Fatalf("the controller has no metric %s", name)
		}
		return families[name].GetMetric()[0].GetGauge().GetValue()
	}
	return int((gauge("go_memstats_sys_bytes") - gauge("go_memstats_heap_released_bytes")) / (1 << 20))
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

// connected waits until each Envoy receives its configuration from the controller that runs now: after its restart, they
// reconnect one after the other.
func (f *fixture) connected(ctx context.Context, t *testing.T) {
	t.Helper()
	f.change(ctx, t, "connected", podTimeout)
	for _, pod := range f.mustPods(ctx, t, "app=envoy") {
		must(t, until(ctx, podTimeout, "connection of "+pod.Name, func(ctx context.Context) (bool, string, error) {
			return f.configuration(ctx, t, pod).hosts()[f.host("connected")], "without the newest host", nil
		}))
	}
}

// partlyConfigured requires that the controller has published some of the objects, and not all.
func (f *fixture) partlyConfigured(ctx context.Context, t *testing.T, made int64) {
	t.Helper()
	t.Logf("killed with %d of %d HTTPProxies made", made, burst)
	most := 0
	for _, pod := range f.mustPods(ctx, t, "app=envoy") {
		hosts, published := f.configuration(ctx, t, pod).hosts(), 0
		for i := range burst {
			if hosts[f.host(fmt.Sprintf("many-%d", i))] {
				published++
			}
		}
		t.Logf("%s has %d of them", pod.Name, published)
		most = max(most, published)
	}
	if most == 0 || most == burst {
		t.Errorf("the Envoys have at most %d of %d HTTPProxies, want some and not all", most, burst)
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
		return right == burst+2, fmt.Sprintf("%d of %d are valid", right, burst+2), nil // with shop and connected; another class has other addresses
	}))
	t.Logf("all statuses are right after %s", time.Since(start).Round(time.Millisecond))
}
