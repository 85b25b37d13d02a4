//go:build local && counterpart

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/traffic"
)

// movedHost is the host of the application.
const movedHost = "moved.example"

// changesOfStep is the number of changes in each step, so that enough requests are sent in it.
const changesOfStep = 20

// fastLease makes the election of a leader fast; Contour has the same flags.
func fastLease() []string {
	return []string{"--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2s", "--leader-election-retry-period=500ms"}
}

// changingApplication is an application whose endpoint and routes change while a load balancer sends requests to one of several Envoys.
type changingApplication struct {
	*fixture
	proxy   kube.Ref
	changes int
	former  []*backend.Server
	to      atomic.Int32 // the Envoy to which the load balancer sends requests
	loads   map[string]*load.Load
}

func newChangingApplication(f *fixture) *changingApplication {
	f.t.Helper()
	f.certificate("shop", movedHost)
	return &changingApplication{fixture: f, loads: map[string]*load.Load{}, proxy: kube.Ref{
		GroupVersionKind: schema.GroupVersionKind{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"}, Namespace: f.namespace, Name: "shop",
	}}
}

// balance makes the load balancer send requests to another Envoy, whose former connections end with their requests.
func (a *changingApplication) balance(to int32) { a.to.Store(to) }

// begin waits until the first Envoy serves the application, and starts requests through the load balancer.
func (a *changingApplication) begin(envoys ...traffic.Client) {
	a.t.Helper()
	a.change()
	a.served("first", envoys[0])
	for what, r := range map[string]traffic.Request{
		"connections that stay":           {Method: "POST", Host: movedHost, Path: "/stays"},
		"TLS, with connections that stay": {Method: "POST", Host: movedHost, Path: "/stays", TLS: &traffic.TLS{}},
		"HTTP/2":                          {Method: "POST", Host: movedHost, Path: "/stays", TLS: &traffic.TLS{}, HTTP2: true},
	} {
		var transports []*http.Transport
		for _, e := range envoys {
			transports = append(transports, e.Transport(r))
		}
		a.loads[what] = load.Start(a.t.Context(), load.Options{Rate: 150, Send: func(ctx context.Context) (time.Duration, string) {
			answer, err := traffic.Do(ctx, transports[a.to.Load()], r)
			switch {
			case err != nil:
				return answer.Took, load.ErrorKind(err)
			case answer.Backend() != "shop":
				return answer.Took, fmt.Sprintf("status %d", answer.Status)
			}
			return answer.Took, ""
		}})
	}
}

// end ends the requests, of which none may have failed.
func (a *changingApplication) end() {
	a.t.Helper()
	for what, l := range a.loads {
		r := l.Stop()
		a.t.Logf("%s: %s", what, r)
		if !r.Lossless(500) {
			a.t.Errorf("%s: requests are lost", what)
		}
	}
}

// change replaces the endpoint of the application and adds a route.
func (a *changingApplication) change() {
	a.t.Helper()
	a.changes++
	next := a.server("shop", strconv.Itoa(a.changes))
	a.service("shop", next)
	a.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: shop}
spec:
  virtualhost: {fqdn: %s, tls: {secretName: shop}}
  routes:
  - conditions: [{prefix: /stays}]
    permitInsecure: true
    services: [{name: shop, port: 80}]
  - conditions: [{exact: /change-%d}]
    permitInsecure: true
    services: [{name: shop, port: 80}]
`, movedHost, a.changes)
	a.former = append(a.former, next)
}

// served waits until each Envoy serves the last change, over HTTP and HTTPS.
func (a *changingApplication) served(when string, envoys ...traffic.Client) {
	a.t.Helper()
	instance := strconv.Itoa(a.changes)
	for i, e := range envoys {
		for _, secure := range []*traffic.TLS{nil, {}} {
			r := traffic.Request{Host: movedHost, Path: "/change-" + instance, TLS: secure}
			_, err := e.Until(a.t.Context(), seen, r, func(got traffic.Answer) string {
				if got.Echo == nil || got.Echo.Instance != instance {
					return got.String()
				}
				return ""
			})
			if err != nil {
				a.t.Fatalf("%s, change %s, Envoy %d: %v", when, instance, i, err)
			}
		}
	}
}

// follow makes changes, each of which the Envoys serve before the former endpoint terminates, and waits until the status has the address.
func (a *changingApplication) follow(when, address string, envoys ...traffic.Client) {
	a.t.Helper()
	a.wait(when+": status", takeover, func() bool { return a.address() == address })
	for range changesOfStep {
		a.change()
		a.served(when, envoys...)
		terminating := a.former[0]
		a.former = a.former[1:]
		ctx, cancel := context.WithTimeout(a.t.Context(), seen)
		if err := terminating.Shutdown(ctx); err != nil {
			a.t.Errorf("%s: former endpoint: %v", when, err)
		}
		cancel()
	}
	a.wait(when+": status of the last change", takeover, a.valid)
	if got := a.address(); got != address {
		a.t.Errorf("%s: the status has the address %q, want %q", when, got, address)
	}
}

// address returns the address in the status of the HTTPProxy.
func (a *changingApplication) address() string {
	o, err := a.s.Kube.Get(a.t.Context(), a.proxy)
	if err != nil {
		return err.Error()
	}
	addresses, _, _ := unstructured.NestedSlice(o.Object, "status", "loadBalancer", "ingress")
	if len(addresses) != 1 {
		return fmt.Sprint(addresses)
	}
	ip, _ := addresses[0].(map[string]any)["ip"].(string)
	return ip
}

// valid reports whether the status says that the last change is valid.
func (a *changingApplication) valid() bool {
	o, err := a.s.Kube.Get(a.t.Context(), a.proxy)
	if err != nil {
		return false
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		c := c.(map[string]any)
		if c["type"] == "Valid" && c["status"] == "True" && c["observedGeneration"] == o.GetGeneration() {
			return true
		}
	}
	return false
}
