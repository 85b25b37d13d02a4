package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"contour.example/contour/internal/compile/httpproxy"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
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
	envoy := sys.table.Watch("envoy")
	for _, v := range sys.table.All() {
		if v.Ref.Type == table.Cluster {
			envoy.Reject(v, "no such cluster", nil)
		} else {
			envoy.Accept([]*table.Version{v})
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

// What one Envoy rejects and another one accepts makes no object invalid, in whatever order they answer.
func TestDisagreementMakesNoObjectInvalid(t *testing.T) {
	changes, err := stagetest.Decode([]byte(rejectionManifests))
	if err != nil {
		t.Fatal(err)
	}
	sys := newSystem(t, config.Default())
	sys.Step(changes)
	odd, healthy := sys.table.Watch("odd"), sys.table.Watch("healthy")
	valid := func(when string) {
		t.Helper()
		if r := sys.Step(nil); len(r.Statuses) > 0 {
			t.Errorf("%s: %d statuses changed", when, len(r.Statuses))
		}
		if www := sys.statusOf(t, "www"); www.HTTPProxy().CurrentStatus != httpproxy.StatusValid {
			t.Errorf("%s: %+v", when, www.Diagnostics)
		}
	}
	valid("before")
	for _, v := range sys.table.All() {
		odd.Reject(v, "I reject everything", nil)
	}
	valid("before the other one has answered")
	if got := sys.fleets.Rejections(); len(got) == 0 || !got[0].Unconfirmed {
		t.Errorf("unconfirmed rejections: %+v", got)
	}
	healthy.Accept(sys.table.All())
	valid("when the other one has accepted")
	if got := sys.fleets.Disagreements(); len(sys.fleets.Rejections()) > 0 || len(got) == 0 || got[0].Node != "odd" {
		t.Errorf("rejections %+v, disagreements %+v", sys.fleets.Rejections(), got)
	}
	odd.Close()
	valid("when the odd one is gone")
	if got := sys.fleets.Disagreements(); len(got) > 0 {
		t.Errorf("disagreements without the odd one: %+v", got)
	}
}

// A rejection that no other Envoy confirms is reported after a while.
func TestUnconfirmedRejectionIsReportedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes, err := stagetest.Decode([]byte(rejectionManifests))
		if err != nil {
			t.Fatal(err)
		}
		sys := newSystem(t, config.Default())
		sys.Step(changes)
		odd := sys.table.Watch("odd")
		sys.table.Watch("does not answer")
		rejected := make(chan struct{}, 1)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			sys.Run(ctx, nil, rejected, func(pipeline.Result) {})
		}()
		for _, v := range sys.table.All() {
			if v.Ref.Type == table.Cluster {
				odd.Reject(v, "no such cluster", nil)
			}
		}
		current := func() (is string) {
			sys.Inspect(ctx, func(*pipeline.Pipeline) { is = sys.statusOf(t, "www").HTTPProxy().CurrentStatus })
			return is
		}
		rejected <- struct{}{}
		synctest.Wait()
		if got := current(); got != httpproxy.StatusValid {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(time.Second)
		if got := current(); got != httpproxy.StatusInvalid {
			t.Errorf("after a second: %s", got)
		}
		stop()
		<-ended
	})
}

// An object names the Envoy that rejects what others accept, in a warning, unless that Envoy rejects a lot.
func TestDisagreementIsAWarning(t *testing.T) {
	for services, warned := range map[int]bool{1: true, 40: false} {
		t.Run(fmt.Sprint(services), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { disagreementIsAWarning(t, services, warned) })
		})
	}
}

func disagreementIsAWarning(t *testing.T, services int, warned bool) {
	sys := newSystem(t, config.Default())
	for i := range services {
		changes, err := stagetest.Decode([]byte(strings.NewReplacer("www", fmt.Sprint("www", i), "web", fmt.Sprint("web", i)).Replace(rejectionManifests)))
		if err != nil {
			t.Fatal(err)
		}
		sys.Step(changes)
	}
	odd, healthy := sys.table.Watch("odd\n\x1b[2K"), sys.table.Watch("healthy")
	ctx, stop := context.WithCancel(t.Context())
	rejected, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		sys.Run(ctx, nil, rejected, func(pipeline.Result) {})
	}()
	for _, v := range sys.table.All() {
		if v.Ref.Type == table.Cluster {
			odd.Reject(v, "bad\x00 cluster\n private_key { inline_string: \"secret\"", nil)
		}
	}
	healthy.Accept(sys.table.All())
	reported := func(when string, want bool) {
		t.Helper()
		rejected <- struct{}{}
		time.Sleep(time.Second)
		sys.Inspect(ctx, func(*pipeline.Pipeline) {
			www := sys.statusOf(t, "www0")
			const message = "Envoy odd [2K rejected CDS resource default/web0/80"
			got := hasDiagnostic(www, report.RejectedByEnvoy, message) && hasDiagnostic(www, report.RejectedByEnvoy, "other Envoys accept: bad cluster (not quoted)")
			if got != want || www.HTTPProxy().CurrentStatus != httpproxy.StatusValid {
				t.Errorf("%s: %s, %+v", when, www.HTTPProxy().CurrentStatus, www.Diagnostics)
			}
		})
	}
	reported("while the odd Envoy is connected", warned)
	odd.Close()
	reported("when it is gone", false)
	stop()
	<-ended
}

// With a standing rejection of what many objects use, the work of a change does not depend on their number.
func TestStandingRejectionCostsNothing(t *testing.T) {
	work := map[int][3]float64{}
	for _, n := range []int{fewProxies, manyProxies} {
		sys := newSystem(t, config.Default())
		sys.Step(manyObjects(t, n))
		envoy := sys.table.Watch("envoy")
		var good []*table.Version
		for _, v := range sys.table.All() {
			if v.Ref.Type == table.Cluster && strings.HasPrefix(v.Ref.Name, "team/service-7/") {
				envoy.Reject(v, "no", nil)
			} else {
				good = append(good, v)
			}
		}
		envoy.Accept(good)
		sys.Step(nil)
		if got := sys.fleets.Rejections(); len(got) != 1 {
			t.Fatalf("rejections: %+v", got)
		}
		before := sys.table.Stats().Searched
		e := editor{n: n}
		sys.Step(change(e.next()))
		r := sys.Step(change(slice(3, "10.9.9.9")))
		allocations := testing.AllocsPerRun(20, func() { sys.Step(change(e.next())) })
		work[n] = [3]float64{float64(sys.table.Stats().Searched - before), float64(r.Derivations), allocations}
		t.Logf("among %d: resources searched, derivations and allocations: %v", n, work[n])
	}
	if few, many := work[fewProxies], work[manyProxies]; few[0] != 0 || many[0] != 0 || few[1] != many[1] || many[2] > few[2]+50 {
		t.Errorf("work among few and many: %v and %v", few, many)
	}
}
