package pipeline

import (
	"fmt"
	"log/slog"
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

// An edit that concerns many roots is published in slices. The edit of another namespace is published between them, and its status
// known; the statuses of the namespace itself are known when all its roots have the edit.
func TestAnEditOfManyRootsIsSliced(t *testing.T) {
	const roots = 30
	clock := stagetest.Now()
	p := New(Options{Config: config.Default(), Fleets: xdsfleet.New(nil), Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		clock = clock.Add(slice / 2) // one deferred key for each iteration
		return clock
	}})
	world := []store.Change{answering("big", "child", 1, ""), answering("small", "p", 1, "small.example")}
	for i := range roots {
		world = append(world, answering("big", fmt.Sprint("root", i), 1, fmt.Sprintf("big%d.example", i), "child"))
	}
	batches := make(chan []store.Change, 3)
	batches <- world
	edit := kobj.Of(kobj.HTTPProxy, "big", "child")
	var hosts, statuses, after int
	small := -1 // hosts of namespace big that had the edit when the other namespace had its own
	first := true
	p.Run(t.Context(), batches, nil, func(r Result) {
		if first {
			if first = false; len(r.Hosts) != roots+1 {
				t.Fatalf("the first configuration has %d hosts, want all", len(r.Hosts))
			}
			batches <- []store.Change{answering("big", "child", 2, "")}
			return
		}
		if len(r.Hosts) > 5 {
			t.Errorf("%d hosts are published at once", len(r.Hosts))
		}
		for _, h := range r.Hosts {
			if h.Key.Hostname == "small.example" {
				small = hosts
				continue
			}
			if hosts++; hosts == 1 {
				batches <- []store.Change{answering("small", "p", 2, "small.example")}
			}
		}
		for _, s := range r.Statuses {
			switch {
			case s.Key.Namespace == "small":
				statuses++
			case hosts < roots:
				t.Errorf("the status of %s changed when %d hosts had the edit", s.Key, hosts)
			case s.Key == edit:
				after++
				close(batches)
			}
		}
	})
	if hosts != roots || after != 1 {
		t.Errorf("%d hosts were published with the edit, %d statuses of its object", hosts, after)
	}
	if small < 0 || small > roots/2 || statuses != 1 {
		t.Errorf("the edit of the other namespace was published after %d hosts, with %d statuses", small, statuses)
	}
}
