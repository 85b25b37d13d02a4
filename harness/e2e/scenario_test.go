//go:build local

package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/load"
	"contour.example/harness/poll"
	"contour.example/harness/scenario"
	"contour.example/harness/traffic"
)

// All scenarios run in parallel, and what they applied stays until the last one has ended. During the whole run a host that
// no scenario changes must be served, and afterwards, when nothing changes, the controller must not write or send anything.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	env := shared.Scenarios(t.Logf)
	undo := make(chan func(context.Context) error, len(files))
	env.CleanUp = func(u func(context.Context) error) { undo <- u }
	canary := startCanary(t)
	t.Run("all", func(t *testing.T) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
				t.Parallel()
				s, err := scenario.Load(file)
				if err != nil {
					t.Fatal(err)
				}
				env := env
				env.Logf = t.Logf
				if err := env.Run(t.Context(), s); err != nil {
					t.Error(err)
				}
			})
		}
	})
	if report := canary.Stop(); report.Failed() > 0 || report.OK == 0 {
		t.Errorf("requests to a host that no scenario changes failed:\n%s", report)
	}
	checkIdle(t)
	close(undo)
	for u := range undo {
		if err := u(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

// startCanary sends requests to a host of its own at a steady rate.
func startCanary(t *testing.T) *load.Load {
	t.Helper()
	f := newFixture(t, shared)
	f.service("canary", f.server("canary", "0"))
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: canary}
spec:
  virtualhost: {fqdn: canary.example}
  routes: [{services: [{name: canary, port: 80}]}]
`)
	request := traffic.Request{Host: "canary.example"}
	f.answered(request, "canary")
	return load.Start(t.Context(), load.Options{
		Client: shared.Traffic, Request: request, Rate: 100,
		Check: func(a traffic.Answer) string {
			if a.Backend() != "canary" {
				return a.String()
			}
			return ""
		},
	})
}

const (
	// idleTime is how long nothing may be written or sent when nothing changes.
	idleTime = 5 * time.Second
	// last is the longest interval between the last writes before.
	last = time.Second
)

// checkIdle fails if the controller is not idle.
func checkIdle(t *testing.T) {
	t.Helper()
	err := poll.Until(t.Context(), takeover, "an idle controller", func(ctx context.Context) (bool, string, error) {
		diff, err := changes(ctx, last)
		return diff == "", diff, err
	})
	if err != nil {
		t.Fatal(err)
	}
	diff, err := changes(t.Context(), idleTime)
	if err != nil {
		t.Fatal(err)
	}
	if diff != "" {
		t.Errorf("the controller did something although nothing had changed (-before +after):\n%s", diff)
	}
}

// changes is what the controller does within a time.
func changes(ctx context.Context, within time.Duration) (diff string, err error) {
	before, err := work(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, within+seen)
	defer cancel()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	after, err := work(ctx)
	return cmp.Diff(before, after), err
}

// work is what the controller has done so far: the versions of all objects that it may write, what it has computed, and what it has sent.
func work(ctx context.Context) (map[string]any, error) {
	done := map[string]any{}
	for _, kind := range []schema.GroupVersionKind{
		{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"},
		{Group: "projectcontour.io", Version: "v1", Kind: "TLSCertificateDelegation"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
		{Group: "events.k8s.io", Version: "v1", Kind: "Event"},
	} {
		objects, err := shared.Kube.List(ctx, kind, "")
		if err != nil {
			return nil, err
		}
		for i := range objects {
			done[kind.Kind+" "+objects[i].GetNamespace()+"/"+objects[i].GetName()] = objects[i].GetResourceVersion()
		}
	}
	if len(done) == 0 {
		return nil, errors.New("there are no objects to compare")
	}
	metrics, err := shared.Controllers[0].Metrics(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"contour_derivations_total", "contour_status_update_total", "contour_xds_resources_sent_total"} {
		n := metrics.Sum(name)
		if n == 0 {
			return nil, fmt.Errorf("the controller does not count %s", name)
		}
		done[name] = n
	}
	return done, nil
}
