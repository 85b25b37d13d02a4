package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	xdsfleet "contour.example/contour/internal/xds/fleet"
)

// answering is an HTTPProxy with one route, with a host or without, that includes others.
func answering(namespace, name string, generation int64, host string, includes ...string) store.Change {
	p := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: generation}}
	if host != "" {
		p.Spec.VirtualHost = &contourv1.VirtualHost{Fqdn: host}
	}
	for _, other := range includes {
		p.Spec.Includes = append(p.Spec.Includes, contourv1.Include{Name: other})
	}
	if len(includes) == 0 {
		p.Spec.Routes = []contourv1.Route{{DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200, Body: fmt.Sprint(generation)}}}
	}
	return store.Change{Key: kobj.Of(kobj.HTTPProxy, namespace, name), Object: p}
}

// slicedPipeline is a pipeline whose clock advances by a step with each look, so that an iteration has no time for more than
// slice/step deferred keys.
func slicedPipeline(step time.Duration) *Pipeline {
	clock := stagetest.Now()
	return New(Options{Config: config.Default(), Fleets: xdsfleet.New(nil), Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		clock = clock.Add(step)
		return clock
	}})
}

// including is roots of a namespace that include its object "child", and that object.
func including(namespace string, roots int) []store.Change {
	all := []store.Change{answering(namespace, "child", 1, "")}
	for i := range roots {
		all = append(all, answering(namespace, fmt.Sprint("root", i), 1, fmt.Sprintf("%s%d.example", namespace, i), "child"))
	}
	return all
}

// An edit that concerns many roots is published in slices. One of another namespace, which concerns several roots too, is published
// between them; the status of each edited object is known when all its roots have the edit.
func TestAnEditOfManyRootsIsSliced(t *testing.T) {
	const big, small = 30, 3
	p := slicedPipeline(slice / 2)
	batches := make(chan []store.Change, 3)
	batches <- append(including("big", big), including("small", small)...)
	roots, hosts, before := map[string]int{"big": big, "small": small}, map[string]int{}, 0
	first, statuses, end := true, map[kobj.Key]int{}, sync.OnceFunc(func() { close(batches) })
	p.Run(t.Context(), batches, nil, func(r Result) {
		if first {
			if first = false; len(r.Hosts) != big+small {
				t.Fatalf("the first configuration has %d hosts, want all", len(r.Hosts))
			}
			batches <- []store.Change{answering("big", "child", 2, "")}
			return
		}
		if len(r.Hosts) > 5 {
			t.Errorf("%d hosts are published at once", len(r.Hosts))
		}
		for _, h := range r.Hosts {
			namespace := (*cmp.Or(h.New, h.Old)).Origins[0].Namespace
			if hosts[namespace]++; namespace == "big" && hosts["big"] == 1 {
				batches <- []store.Change{answering("small", "child", 2, "")}
			}
			if hosts["small"] < small {
				before = hosts["big"]
			}
		}
		for _, s := range r.Statuses {
			if hosts[s.Key.Namespace] < roots[s.Key.Namespace] {
				t.Errorf("the status of %s changed when %v hosts had the edits", s.Key, hosts)
			}
			if statuses[s.Key]++; len(statuses) == 2 {
				end()
			}
		}
	})
	if hosts["big"] != big || hosts["small"] != small || before > big/2 {
		t.Errorf("%v hosts were published with the edits, %d of the large one before the last of the small one", hosts, before)
	}
	want := map[kobj.Key]int{kobj.Of(kobj.HTTPProxy, "big", "child"): 1, kobj.Of(kobj.HTTPProxy, "small", "child"): 1}
	if !maps.Equal(statuses, want) {
		t.Errorf("statuses %v, want %v", statuses, want)
	}
}

// However long each batch takes, and however many there are, what is deferred goes on.
func TestBatchesDoNotStopWhatIsDeferred(t *testing.T) {
	const roots = 20
	p := slicedPipeline(slice)
	batches := make(chan []store.Change, 2)
	batches <- including("small", roots)
	end := sync.OnceFunc(func() { close(batches) })
	hosts, iterations, generation := 0, 0, int64(1)
	p.Run(t.Context(), batches, nil, func(r Result) {
		if generation++; generation == 2 {
			batches <- []store.Change{answering("small", "child", 2, "")}
			return
		}
		iterations++
		for _, h := range r.Hosts {
			if h.Key.Hostname != "other.example" {
				hosts++
			}
		}
		if hosts >= roots || iterations > 4*roots {
			end()
		} else if len(batches) == 0 {
			batches <- []store.Change{answering("other", "p", generation, "other.example")}
		}
	})
	if hosts < roots {
		t.Errorf("%d of %d hosts had the edit after %d iterations", hosts, roots, iterations)
	}
}

// The status of an object does not wait for what another one of the same batch concerns.
func TestStatusesWaitForTheirOwnChangeOnly(t *testing.T) {
	const big = 30
	p := slicedPipeline(slice)
	batches := make(chan []store.Change, 2)
	batches <- append(including("big", big), answering("small", "p", 1, "small.example"))
	end := sync.OnceFunc(func() { close(batches) })
	hosts, first, order := 0, true, []string{}
	p.Run(t.Context(), batches, nil, func(r Result) {
		if first {
			first = false
			batches <- []store.Change{answering("small", "p", 2, "small.example"), answering("big", "child", 2, "")}
			return
		}
		for _, h := range r.Hosts {
			if h.Key.Hostname != "small.example" {
				hosts++
			}
		}
		for _, s := range r.Statuses {
			order = append(order, fmt.Sprintf("%s after %t", s.Key.Namespace, hosts == big))
		}
		if len(order) == 2 {
			end()
		}
	})
	if want := "[small after false big after true]"; fmt.Sprint(order) != want {
		t.Errorf("statuses %v, want %s", order, want)
	}
}

// A batch that takes many iterations is published when AwaitFinished returns, and an end of the context ends the wait.
func TestAwaitFinished(t *testing.T) {
	p := slicedPipeline(slice)
	ctx, cancel := context.WithCancel(t.Context())
	batches, done := make(chan []store.Change), make(chan struct{})
	iterations := 0
	go func() {
		defer close(done)
		p.Run(ctx, batches, nil, func(Result) { iterations++ })
	}()
	batches <- including("first", 1) // the first iteration is not bounded
	batches <- including("second", 40)
	if !p.AwaitFinished(ctx) {
		t.Error("the context has not ended")
	}
	p.Inspect(ctx, func(p *Pipeline) {
		if p.unfinished() || iterations < 10 {
			t.Errorf("after %d iterations: unfinished: %t", iterations, p.unfinished())
		}
	})
	cancel()
	<-done
	if p.AwaitFinished(ctx) {
		t.Error("nothing is known after the end")
	}
}
