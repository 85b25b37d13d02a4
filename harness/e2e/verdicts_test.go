//go:build local

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/controller"
	"contour.example/harness/envoy"
	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/relay"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

const (
	// strictLayer is the bootstrap of an Envoy that rejects larger expressions than fit.
	strictLayer = `{"layered_runtime": {"layers": [{"name": "strict", "static_layer": {"re2.max_program_size.error_level": 300}}]}}`
	fits        = "/[a-z]{3}"
	tooLarge    = "/[a-z]{500}"

	// reported bounds the time from an edit to the status that says what an Envoy of another replica thinks of it.
	reported = time.Second
)

// The leader reports what an Envoy of another replica rejects, and replicas that replace both keep it. No request of the host is answered by
// the broader one of another namespace.
func TestVerdictsOutliveTheirReplica(t *testing.T) {
	t.Run("the only Envoy rejects", func(t *testing.T) { newVerdicts(t, false).run() })
	t.Run("another Envoy accepts", func(t *testing.T) { newVerdicts(t, true).run() })
}

// verdicts is two replicas: the leader, and one that a strict Envoy is connected to. A lenient one may be connected to the leader.
type verdicts struct {
	*fixture
	lenient *envoy.Envoy
	toLead  *relay.Relay // of the lenient Envoy
	proxy   kube.Ref
	field   string // of the condition Valid that has the report
}

func newVerdicts(t *testing.T, lenient bool) *verdicts {
	t.Helper()
	s, err := testsystem.Start(t.Context(), testsystem.Options{
		ServeArgs: []string{"--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2s", "--leader-election-retry-period=500ms"},
		EnvoyArgs: []string{"--config-yaml", strictLayer}, MayReject: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, s)
	namespace, err := s.Kube.CreateNamespace(t.Context(), "verdicts")
	if err != nil {
		t.Fatal(err)
	}
	v := &verdicts{fixture: &fixture{t: t, s: s, namespace: namespace}, field: "errors"}
	v.proxy = kube.Ref{GroupVersionKind: schema.GroupVersionKind{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"}, Namespace: namespace, Name: "mine"}
	leader := s.Controllers[0]
	waitForLeader(t, s, "")
	follower := v.add()
	s.Relay.SetTargets(follower.XDSAddress())
	s.Relay.Cut()
	waitForConnection(t, s)
	if lenient {
		v.field = "warnings"
		v.startLenient(leader)
	}
	return v
}

func (v *verdicts) add() *controller.Controller {
	v.t.Helper()
	c, err := v.s.AddController(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	return c
}

// startLenient starts an Envoy with the same listeners: the kernel divides connections between both.
func (v *verdicts) startLenient(at *controller.Controller) {
	v.t.Helper()
	var err error
	if v.toLead, err = relay.Listen("127.0.0.1:0", at.XDSAddress()); err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = v.toLead.Close() })
	v.lenient, err = envoy.Start(v.t.Context(), envoy.Options{Dir: v.t.TempDir(), Node: "lenient", XDS: v.s.EnvoyConfig(v.toLead)})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = v.lenient.Kill() })
	if err := v.lenient.Ready(v.t.Context()); err != nil {
		v.t.Fatal(err)
	}
}

func (v *verdicts) run() {
	v.service("broad", v.server("broad", "a"))
	v.service("own", v.server("own", "a"))
	other, err := v.s.Kube.CreateNamespace(v.t.Context(), "broad")
	if err != nil {
		v.t.Fatal(err)
	}
	whole := &verdicts{fixture: &fixture{t: v.t, s: v.s, namespace: other}}
	whole.service("broad", whole.server("broad", "a"))
	whole.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: broad}
spec:
  virtualhost: {fqdn: "*.wild.example"}
  routes: [{services: [{name: broad, port: 80}]}]
`)
	v.answered(traffic.Request{Host: "any.wild.example"}, "broad")
	v.edit(fits)
	v.served()
	stop := v.requests()
	v.edit(tooLarge)
	began := time.Now()
	v.report(reported)
	v.t.Logf("reported %v after the edit", time.Since(began))
	watched := v.watchReport()
	v.replace()
	v.replace()
	v.report(seen)
	watched()
	stop()
}

// edit sets the expression of the host.
func (v *verdicts) edit(regex string) {
	v.t.Helper()
	v.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: mine}
spec:
  virtualhost: {fqdn: mine.wild.example}
  routes:
  - conditions: [{regex: %q}]
    services: [{name: own, port: 80}]
`, regex)
}

// served waits until each Envoy has the host.
func (v *verdicts) served() {
	v.t.Helper()
	for _, e := range []*envoy.Envoy{v.s.Envoy, v.lenient} {
		if e == nil {
			continue
		}
		err := poll.Until(v.t.Context(), seen, "the host", func(ctx context.Context) (bool, string, error) {
			dump, err := e.ConfigDump(ctx)
			return strings.Contains(string(dump), `"mine.wild.example"`), "not there", err
		})
		if err != nil {
			v.t.Fatal(err)
		}
	}
	v.answered(traffic.Request{Host: "mine.wild.example", Path: "/abc"}, "own")
}

// requests sends requests until the returned function is called, none of which may be answered by the broader host.
func (v *verdicts) requests() (stop func()) {
	ctx, cancel := context.WithCancel(v.t.Context())
	var sending sync.WaitGroup
	sent := map[int]int{}
	sending.Go(func() {
		for ctx.Err() == nil {
			a, err := v.s.Traffic.Do(ctx, traffic.Request{Host: "mine.wild.example", Path: "/abc"})
			if err != nil {
				continue
			}
			if sent[a.Status]++; a.Backend() == "broad" {
				v.t.Errorf("answered by the broader host: %s", a)
				return
			}
		}
	})
	return func() {
		cancel()
		sending.Wait()
		v.t.Logf("requests by status: %v", sent)
	}
}

// problem is the report of the object that names the strict Envoy, "" if there is none.
func (v *verdicts) problem(ctx context.Context) (string, error) {
	o, err := v.s.Kube.Get(ctx, v.proxy)
	if err != nil {
		return "", err
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		all, _, _ := unstructured.NestedSlice(condition, v.field)
		for _, e := range all {
			one, _ := e.(map[string]any)
			message, _ := one["message"].(string)
			if one["reason"] == "RejectedByEnvoy" && strings.HasPrefix(message, "Envoy envoy rejected virtual host mine.wild.example") {
				return message, nil
			}
		}
	}
	return "", nil
}

// report waits until the object has the report.
func (v *verdicts) report(within time.Duration) {
	v.t.Helper()
	err := poll.Until(v.t.Context(), within, "the report in "+v.field, func(ctx context.Context) (bool, string, error) {
		message, err := v.problem(ctx)
		return message != "", fmt.Sprintf("%q", message), err
	})
	if err != nil {
		o, _ := v.s.Kube.Get(v.t.Context(), v.proxy)
		v.t.Fatalf("%v; the status is %v", err, o.Object["status"])
	}
}

// watchReport checks until the returned function is called that the report does not change.
func (v *verdicts) watchReport() (stop func()) {
	ctx, cancel := context.WithCancel(v.t.Context())
	first, err := v.problem(ctx)
	if err != nil {
		v.t.Fatal(err)
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			if message, err := v.problem(ctx); err == nil && message != first {
				v.t.Errorf("the report changes from %q to %q", first, message)
				return
			}
		}
	})
	return func() {
		cancel()
		watching.Wait()
		v.t.Logf("report: %s", first)
	}
}

// replace kills the first replica and starts another one; returns when that has taken over what the killed one did, and the strict Envoy
// is connected to it if it was to the killed one.
func (v *verdicts) replace() {
	v.t.Helper()
	holder := waitForLeader(v.t, v.s, "")
	if err := v.s.KillController(v.s.Controllers[0]); err != nil {
		v.t.Fatal(err)
	}
	waitForLeader(v.t, v.s, holder) // the other one: a third could be elected before it, and outlive it
	v.add()
	var all []string
	for _, c := range v.s.Controllers {
		all = append(all, c.XDSAddress())
	}
	if v.toLead != nil {
		v.toLead.SetTargets(all...)
	}
	waitForConnection(v.t, v.s)
	stableDump(v.t, v.s)
}
