//go:build local

package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/scenario"
	"contour.example/harness/testsystem"
)

// takeover bounds the election of a new leader, which the flags below make fast.
const takeover = 60 * time.Second

// When the replica that is the leader and serves Envoy is killed, another one takes both roles, and Envoy's configuration does not change.
func TestReplicaTakesOver(t *testing.T) {
	s := start(t, testsystem.Options{ServeArgs: []string{
		"--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2s", "--leader-election-retry-period=500ms",
	}})
	first := s.Controllers[0]
	leader := waitForLeader(t, s, "")
	runScenario(t, s, "testdata/httpproxy.yaml")
	apply(t, s)
	second, err := s.AddController(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := stableDump(t, s)
	if err := s.KillController(first); err != nil {
		t.Fatal(err)
	}
	waitForLeader(t, s, leader)
	waitForConnection(t, s)
	if diff := cmp.Diff(before, stableDump(t, s)); diff != "" {
		t.Errorf("Envoy's configuration changed (-before +after):\n%s", diff)
	}
	runScenario(t, s, "testdata/httpproxy.yaml")
	if err := errors.Join(second.Stop(takeover), second.Err()); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

// start runs a system for one test that breaks things.
func start(t *testing.T, o testsystem.Options) *testsystem.System {
	t.Helper()
	s, err := testsystem.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, s)
	return s
}

// stopAtEnd checks at the end of the test that the system runs without errors, and stops it.
func stopAtEnd(t *testing.T, s *testsystem.System) {
	t.Helper()
	t.Cleanup(func() {
		if err := errors.Join(s.Check(context.WithoutCancel(t.Context())), s.Stop()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("logs are in %s", s.Dir)
			return
		}
		_ = s.Remove()
	})
}

func runScenario(t *testing.T, s *testsystem.System, path string) {
	t.Helper()
	test, err := scenario.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Scenarios(t.Logf).Run(t.Context(), test); err != nil {
		t.Fatal(err)
	}
}

// apply adds an object to the configuration that a faulty failover would change.
func apply(t *testing.T, s *testsystem.System) {
	t.Helper()
	_, err := s.Kube.ApplyYAML(t.Context(), "default", `
apiVersion: v1
kind: Service
metadata: {name: stays}
spec: {ports: [{port: 80}]}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: stays}
spec:
  virtualhost: {fqdn: stays.example}
  routes: [{services: [{name: stays, port: 80}]}]
`)
	if err != nil {
		t.Fatal(err)
	}
}

// waitForLeader returns the holder of the Lease when it differs from the former one.
func waitForLeader(t *testing.T, s *testsystem.System, former string) string {
	t.Helper()
	lease := kube.Ref{
		GroupVersionKind: schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
		Namespace:        testsystem.Namespace, Name: "leader-elect",
	}
	var holder string
	err := poll.Until(t.Context(), takeover, "a leader other than "+former, func(ctx context.Context) (bool, string, error) {
		o, err := s.Kube.Get(ctx, lease)
		if err != nil {
			return false, err.Error(), nil
		}
		holder, _, err = unstructured.NestedString(o.Object, "spec", "holderIdentity")
		return holder != "" && holder != former, "holder " + holder, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return holder
}

// waitForConnection returns when Envoy is connected to a controller.
func waitForConnection(t *testing.T, s *testsystem.System) {
	t.Helper()
	const connected = "control_plane.connected_state"
	err := poll.Until(t.Context(), seen, "xDS connection", func(ctx context.Context) (bool, string, error) {
		stats, err := s.Envoy.Stats(ctx, "^"+connected+"$")
		if err != nil {
			return false, err.Error(), nil
		}
		return stats[connected] == 1, "not connected", nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stableDump is Envoy's configuration, with the time of each update, once it has not changed for a while.
func stableDump(t *testing.T, s *testsystem.System) string {
	t.Helper()
	const enough = 50 // observations
	last, same := "", 0
	err := poll.Until(t.Context(), takeover, "unchanged configuration", func(ctx context.Context) (bool, string, error) {
		dump, err := s.Envoy.ConfigDump(ctx)
		if err != nil {
			return false, "", err
		}
		if string(dump) == last {
			same++
		} else {
			last, same = string(dump), 0
		}
		return same >= enough, "still changing", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}
