//go:build local

package conformance_test

import (
	"testing"
	"time"

	"contour.example/conformance"
	"contour.example/conformance/suite"
	"contour.example/harness/stack"
)

// run tests the controller of this checkout on a stack of its own, improvements included.
func run(m *testing.M, o suite.Options) int {
	serve := stack.Options{ServeArgs: []string{"--ingress-status-address=192.0.2.1"}}
	return stack.Main(m, serve, func(s *stack.Stack) {
		o.Improvements = true
		runner, options = o.Configure(suite.Runner{
			Kube: s.Kube, Traffic: s.Traffic, CA: s.CA,
			Backends: suite.InProcess{Kube: s.Kube, CA: s.CA, IP: s.Addresses.IP},
		}), o
	})
}

// Where no controller serves the class, no test passes: each of them expects something that is not there by itself.
func TestNothingPassesWithoutController(t *testing.T) {
	tests, err := conformance.Tests()
	if err != nil {
		t.Fatal(err)
	}
	idle := *runner
	idle.Class, idle.Skips, idle.Timeout = "nobody", nil, 200*time.Millisecond
	idle.All(t.Context(), tests, 4, func(r suite.Result) {
		if r.Outcome == suite.Passed {
			t.Errorf("%s passes", r.Test.Name)
		}
	})
}
