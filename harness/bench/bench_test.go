//go:build local

package bench

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/bench/figure"
)

// expected is every measure that a target of ours must have: scenario, name.
func expected() [][2]string {
	return [][2]string{
		{"load", "created"},
		{"load", "served, after the last create"},
		{"load", "valid, after the last create"},
		{"idle", "API writes to the objects"},
		{"idle", "controller CPU"},
		{"idle", "Envoy main thread CPU"},
		{"idle", "xDS bytes"},
		{"idle", "controller memory at rest"},
		{"idle", "Envoy memory at rest"},
		{"edit", "edit seen by a request"},
		{"edit", "controller CPU per change"},
		{"edit", "xDS bytes per change"},
		{"edit", "derivations per change"},
		{"create", "create seen by a request"},
		{"create", "delete seen by a request"},
		{"status", "create seen valid by a watch"},
		{"endpoint", "endpoint change seen by a request"},
		{"endpoint", "xDS resources per change"},
		{"churn", "edit seen by a request"},
		{"churn", "edits"},
		{"churn", "controller CPU in all"},
		{"churn", "controller memory, highest"},
		{"churn", "Envoy memory, highest"},
		{"churn", "last edit served after the end"},
		{"churn", "controller highest memory ever"},
		{"switch", "switch seen by a request"},
		{"switch", "requests"},
		{"switch", "failed requests"},
		{"restart", "xDS port open, after the start"},
		{"restart", "edit served, after the port opened"},
		{"restart", "xDS resources"},
	}
}

// A small benchmark of everything must have every measure, for either API, and those that do not depend on the machine must be right.
func TestRun(t *testing.T) {
	for _, api := range []API{HTTPProxy, Ingress} {
		t.Run(string(api), func(t *testing.T) {
			o := Defaults()
			o.N, o.API, o.Samples, o.Switches = 20, api, 10, 10
			o.Idle, o.Churn = time.Second, 2*time.Second
			target := startLocally(t)
			found := index(t, run(t, target.Target, o))
			for _, m := range expected() {
				if _, ok := found[m]; !ok {
					t.Errorf("no measure %q of scenario %s", m[1], m[0])
				}
			}
			for m, want := range map[[2]string]float64{
				{"switch", "failed requests"}:            0,
				{"idle", "API writes to the objects"}:    0,
				{"idle", "xDS bytes"}:                    0,
				{"endpoint", "derivations per change"}:   1,
				{"endpoint", "xDS resources per change"}: 1,
				{"restart", "xDS resources"}:             1, // the edit
			} {
				if got := found[m]; got.Value != want {
					t.Errorf("%s: %s is %v, want %v; %s", m[0], m[1], got.Value, want, got.Detail)
				}
			}
			if err := target.stack.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Of a controller that others run nothing may be needed but its addresses, and nothing may be left in its cluster.
func TestRunElsewhere(t *testing.T) {
	local := startLocally(t)
	o := Defaults()
	o.N, o.Samples, o.Scenarios = 20, 5, []string{"edit", "churn", "restart"}
	o.Churn = time.Second
	target := Target{Config: local.Config, Envoy: local.Envoy, Backends: local.Backends}
	found := index(t, run(t, target, o))
	for m := range found {
		if m[0] == "restart" || strings.Contains(m[1], "CPU") || strings.Contains(m[1], "memory") {
			t.Errorf("%s: %s of a controller that is not known", m[0], m[1])
		}
	}
	if got := found[[2]string{"edit", "edit seen by a request"}]; got.Spread == nil || got.Spread.Samples != o.Samples {
		t.Errorf("edits: %+v, want %d samples", got, o.Samples)
	}
	for _, k := range []schema.GroupVersionKind{
		{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"},
		{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"},
	} {
		left, err := local.stack.Kube.List(t.Context(), k, "")
		if err != nil || len(left) > 0 {
			t.Errorf("%d of %s are left, %v", len(left), k.Kind, err)
		}
	}
}

func startLocally(t *testing.T) *LocalTarget {
	t.Helper()
	target, err := Local(t.Context(), LocalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Stop(); err != nil {
			t.Error(err)
		}
	})
	if target.Versions["kubernetes"] == "" || target.Versions["envoy"] == "" {
		t.Errorf("versions are incomplete: %v", target.Versions)
	}
	return target
}

func run(t *testing.T, target Target, o Options) []figure.Measure {
	t.Helper()
	measures, err := Run(t.Context(), target, o, func(m figure.Measure) { figure.WriteLine(t.Output(), m) })
	if err != nil {
		t.Fatal(err)
	}
	return measures
}

// index finds measures by scenario and name, which must be unique.
func index(t *testing.T, measures []figure.Measure) map[[2]string]figure.Measure {
	t.Helper()
	found := map[[2]string]figure.Measure{}
	for _, m := range measures {
		key := [2]string{m.Scenario, m.Name}
		if _, ok := found[key]; ok {
			t.Errorf("%s: %s is there twice", m.Scenario, m.Name)
		}
		if m.Error != "" {
			t.Errorf("%s failed: %s", m.Scenario, m.Error)
		}
		found[key] = m
	}
	return found
}
