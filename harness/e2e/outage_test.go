//go:build local

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// While the API server is unavailable all hosts are still served, also to an Envoy that starts during the outage;
// when it is available again, changes are served again.
func TestAPIServerOutage(t *testing.T) {
	s := start(t, testsystem.Options{MayLog: func(line string) bool { return strings.Contains(line, "lock=projectcontour/leader-elect") }})
	runScenario(t, s, "testdata/httpproxy.yaml")
	apply(t, s)
	request := traffic.Request{Host: "stays.example"} // has no endpoints
	serves := func() {
		t.Helper()
		_, err := s.Traffic.Until(t.Context(), seen, request, func(a traffic.Answer) string {
			if a.Status != 503 {
				return fmt.Sprintf("%s, want status 503", a)
			}
			return ""
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	serves()
	if err := s.Cluster.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	report := load.Run(t.Context(), load.Options{
		Client: s.Traffic, Request: request, Rate: 100, Duration: 2 * time.Second,
		Check: func(a traffic.Answer) string {
			if a.Status != 503 {
				return fmt.Sprintf("status %d", a.Status)
			}
			return ""
		},
	})
	if report.OK != 200 {
		t.Errorf("the outage was seen by requests:\n%s", report)
	}
	if err := s.Controllers[0].Healthy(t.Context()); err != nil {
		t.Errorf("liveness depends on the API server: %v", err)
	}
	if err := s.RestartEnvoy(t.Context()); err != nil {
		t.Fatal(err)
	}
	serves()
	if err := s.Cluster.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	runScenario(t, s, "testdata/httpproxy.yaml")
}
