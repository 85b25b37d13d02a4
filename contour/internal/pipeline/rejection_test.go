package pipeline_test

import (
	"strings"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/xds/table"
)

const rejectionWorld = `
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

// What Envoy refuses is told by the objects that it was made of, or by those that use it if that is an object
// without a status, until Envoy takes something else.
func TestRejectionsAreToldByTheObjectsBehindThem(t *testing.T) {
	changes, err := stagetest.Decode([]byte(rejectionWorld))
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
	if www.HTTPProxy().CurrentStatus != status.Invalid || !tells(www, report.RejectedByEnvoy, "no such cluster") {
		t.Errorf("the proxy whose cluster is refused: %+v", www.Diagnostics)
	}
	if other.HTTPProxy().CurrentStatus != status.Valid {
		t.Errorf("the proxy that has nothing to do with it: %+v", other.Diagnostics)
	}

	repaired, err := stagetest.Decode([]byte(strings.ReplaceAll(rejectionWorld, "port: 80}", "port: 80, protocol: h2c}")))
	if err != nil {
		t.Fatal(err)
	}
	sys.Step(repaired[:1])
	if www := sys.statusOf(t, "www"); www.HTTPProxy().CurrentStatus != status.Valid {
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

func tells(d *status.Desired, r report.Reason, words string) bool {
	for _, x := range d.Diagnostics {
		if x.Reason == r && strings.Contains(x.Message, words) {
			return true
		}
	}
	return false
}
