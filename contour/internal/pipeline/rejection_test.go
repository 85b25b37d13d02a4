package pipeline_test

import (
	"strings"
	"testing"

	"contour.example/contour/internal/compile/httpproxy"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/xds/table"
)

const rejectionManifests = `
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: www, namespace: default}
spec:
  virtualhost: {fqdn: www.example.com}
  routes: [{services: [{name: web, port: 80}]}]
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: other, namespace: default}
spec:
  virtualhost: {fqdn: other.example.com}
  routes: [{directResponsePolicy: {statusCode: 200}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{port: 80}]}
`

// The origins of a rejected resource report the rejection, or the objects that use it if its origin has no status, until
// Envoy accepts another version.
func TestRejectionsAreReportedByTheirOrigins(t *testing.T) {
	changes, err := stagetest.Decode([]byte(rejectionManifests))
	if err != nil {
		t.Fatal(err)
	}
	sys := newSystem(t, config.Default())
	sys.Step(changes)
	for _, v := range sys.table.All() {
		if v.Ref.Type == table.Cluster {
			sys.table.Reject(v, "no such cluster")
		} else {
			sys.table.Accept([]*table.Version{v})
		}
	}
	sys.Step(nil)
	www, other := sys.statusOf(t, "www"), sys.statusOf(t, "other")
	if www.HTTPProxy().CurrentStatus != httpproxy.StatusInvalid || !hasDiagnostic(www, report.RejectedByEnvoy, "no such cluster") {
		t.Errorf("the proxy whose cluster is rejected: %+v", www.Diagnostics)
	}
	if other.HTTPProxy().CurrentStatus != httpproxy.StatusValid {
		t.Errorf("the other proxy: %+v", other.Diagnostics)
	}

	repaired, err := stagetest.Decode([]byte(strings.ReplaceAll(rejectionManifests, "port: 80}", "port: 80, protocol: h2c}")))
	if err != nil {
		t.Fatal(err)
	}
	sys.Step(repaired[:1])
	if www := sys.statusOf(t, "www"); www.HTTPProxy().CurrentStatus != httpproxy.StatusValid {
		t.Errorf("after the repair: %+v", www.Diagnostics)
	}
}

func (s *system) statusOf(t *testing.T, name string) *status.Desired {
	t.Helper()
	d, ok := s.Status.Desired.Peek(kobj.Of(kobj.HTTPProxy, "default", name))
	if !ok || d == nil || d.HTTPProxy() == nil {
		t.Fatalf("no status of %s", name)
	}
	return d
}

func hasDiagnostic(d *status.Desired, r report.Reason, text string) bool {
	for _, x := range d.Diagnostics {
		if x.Reason == r && strings.Contains(x.Message, text) {
			return true
		}
	}
	return false
}
