//go:build local

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/controller"
	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// A controller that restarts, after a crash or a SIGTERM, sends no resource to an Envoy that is already configured,
// and requests do not fail during the restart. The next change costs the same as any other change.
func TestRestartSendsNothing(t *testing.T) {
	const proxies, withTLS = 200, 20
	s := beside(t, "restart", testsystem.Options{MayLog: func(line string) bool { // a controller may be asked to end while it renews its lease
		return strings.Contains(line, "lock=projectcontour/restart") && strings.Contains(line, "context canceled")
	}})
	f := newFixture(t, s)
	f.service("shop", f.server("shop", "0"))
	f.service("next", f.server("next", "0"))
	f.proxies(proxies, withTLS)
	l := load.Start(t.Context(), load.Options{
		Client: s.Traffic, Request: traffic.Request{Host: restartHost(withTLS)}, Rate: 100,
		Check: func(a traffic.Answer) string {
			if a.Backend() == "" {
				return a.String()
			}
			return ""
		},
	})
	for _, end := range []struct {
		name string
		by   func(*controller.Controller) error
	}{
		{"crash", s.KillController},
		{"SIGTERM", func(c *controller.Controller) error {
			return errors.Join(c.Stop(takeover), c.Err(), s.KillController(c))
		}},
	} {
		f.restart(end.name, end.by)
		f.oneChange(end.name)
	}
	f.restartWithFewerHosts(proxies, withTLS)
	report := l.Stop()
	t.Log(report)
	if report.Failed() > 0 || report.OK == 0 {
		t.Error("requests failed")
	}
}

// restartWithFewerHosts restarts the controller after most hosts are deleted: their route tables are merged later, and not by the restart.
func (f *fixture) restartWithFewerHosts(proxies, withTLS int) {
	t, s := f.t, f.s
	t.Helper()
	for i := withTLS + 20; i < proxies; i++ {
		proxy := kube.Ref{GroupVersionKind: schema.GroupVersionKind{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"}, Namespace: f.namespace, Name: fmt.Sprintf("proxy-%d", i)}
		if err := s.Kube.Delete(t.Context(), proxy); err != nil {
			t.Fatal(err)
		}
	}
	f.status(traffic.Request{Host: restartHost(proxies - 1)}, http.StatusNotFound)
	f.restart("fewer hosts", s.KillController)
}

// restart ends the controller and starts another one, which sends nothing to an Envoy that has all.
func (f *fixture) restart(name string, end func(*controller.Controller) error) {
	t, s := f.t, f.s
	t.Helper()
	f.waitStable()
	before := f.dump()
	if err := end(s.Controllers[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddController(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitForConnection(t, s)
	f.waitStable()
	if n := f.sent(); n != 0 {
		t.Errorf("%s: %d resources were sent to an Envoy that has them", name, n)
	}
	if diff := cmp.Diff(before, f.dump()); diff != "" {
		t.Errorf("%s: Envoy's configuration changed (-before +after):\n%s", name, diff)
	}
}

func restartHost(i int) string { return fmt.Sprintf("restart-%d.example", i) }

// proxies makes hosts, the first ones with TLS, and returns when all are served.
func (f *fixture) proxies(n, withTLS int) {
	f.t.Helper()
	var manifests strings.Builder
	for i := range n {
		tls := ""
		if i < withTLS {
			f.certificate(fmt.Sprintf("cert-%d", i), restartHost(i))
			tls = fmt.Sprintf(", tls: {secretName: cert-%d}", i)
		}
		manifests.WriteString(restartProxy(i, tls, "shop"))
	}
	f.apply("%s", manifests.String())
	for i := range n {
		request := traffic.Request{Host: restartHost(i)}
		if i < withTLS {
			request.TLS = &traffic.TLS{}
		}
		f.answered(request, "shop")
	}
}

func restartProxy(i int, tls, service string) string {
	return fmt.Sprintf(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: proxy-%d}
spec:
  ingressClassName: restart
  virtualhost: {fqdn: %s%s}
  routes:
  - services: [{name: shop, port: 80}]
  - {conditions: [{prefix: /next}], services: [{name: %s, port: 80}]}
  - {conditions: [{prefix: /other}], services: [{name: next, port: 80}]}
---
`, i, restartHost(i), tls, service)
}

// oneChange changes a route of a host with TLS, which has a route table of its own, and changes it back.
func (f *fixture) oneChange(name string) {
	f.t.Helper()
	sent := f.sent()
	request := traffic.Request{Host: restartHost(0), Path: "/next", TLS: &traffic.TLS{}}
	f.apply("%s", restartProxy(0, ", tls: {secretName: cert-0}", "next"))
	f.answered(request, "next")
	if n := f.sent() - sent; n != 1 {
		f.t.Errorf("%s: the next change of a route sent %d resources, want 1", name, n)
	}
	f.apply("%s", restartProxy(0, ", tls: {secretName: cert-0}", "shop"))
	f.answered(request, "shop")
}

// waitStable returns when Envoy has not been updated for a while.
func (f *fixture) waitStable() {
	f.t.Helper()
	const enough = 50 // observations
	var last map[string]int64
	same := 0
	err := poll.Until(f.t.Context(), takeover, "unchanged configuration", func(context.Context) (bool, string, error) {
		now := f.updates("")
		if cmp.Equal(last, now) {
			same++
		} else {
			last, same = now, 0
		}
		return same >= enough, "still changing", nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// dump is Envoy's configuration with the time of each update.
func (f *fixture) dump() string {
	f.t.Helper()
	dump, err := f.s.Envoy.ConfigDump(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return string(dump)
}
