//go:build local

package e2e

import (
	"strings"
	"testing"

	"contour.example/harness/scenario"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// A controller that is configured by a ContourConfiguration follows it while it runs: a change is served, a spec that is not
// valid leaves the last good configuration in force and says so in the status, and an object that was deleted and created again
// is applied like any other.
func TestContourConfigurationIsFollowed(t *testing.T) {
	const class, host, namespace = "configured", "configured.example", "projectcontour"
	before := &fixture{t: t, s: shared, namespace: namespace}
	configure := func(spec string) {
		t.Helper()
		before.apply(`
apiVersion: projectcontour.io/v1alpha1
kind: ContourConfiguration
metadata: {name: %s}
spec: %s
`, class, spec)
	}
	configure("{httpproxy: {disablePermitInsecure: true}}")
	f := newFixture(t, beside(t, class, testsystem.Options{
		ServeArgs: []string{"--contour-config-name=" + class},
		MayLog: func(line string) bool {
			return strings.Contains(line, "configuration is not valid") || strings.Contains(line, "ContourConfiguration is deleted")
		},
	}))
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", host)
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: a}
spec:
  ingressClassName: %s
  virtualhost: {fqdn: %s, tls: {secretName: cert}}
  routes: [{permitInsecure: true, services: [{name: shop, port: 80}]}]
`, class, host)
	request := traffic.Request{Host: host}
	condition := func(name, status, reason string) {
		t.Helper()
		f.runSteps(scenario.Step{Name: name, Objects: []scenario.Object{{
			Target: scenario.Target{APIVersion: "projectcontour.io/v1alpha1", Kind: "ContourConfiguration", Name: class, Namespace: namespace},
			Has: map[string]any{"status": map[string]any{"conditions": []any{
				map[string]any{"type": "Valid", "status": status, "reason": reason},
			}}},
		}}})
	}
	f.status(request, 301)
	condition("the object that the controller starts with is in force", "True", "Valid")

	configure("{httpproxy: {disablePermitInsecure: false}}")
	f.status(request, 200)

	configure(`{httpproxy: {disablePermitInsecure: true}, envoy: {timeouts: {requestTimeout: soon}}}`)
	condition("a spec that is not valid is reported", "False", "ErrorPresent")
	f.status(request, 200)

	object := scenario.Target{APIVersion: "projectcontour.io/v1alpha1", Kind: "ContourConfiguration", Name: class, Namespace: namespace}
	f.runSteps(scenario.Step{Name: "deleted", Delete: []scenario.Target{object}, Requests: []scenario.Request{
		{URL: "http://" + host + "/", Want: scenario.Want{Status: 200}},
	}})
	configure("{httpproxy: {disablePermitInsecure: true}}")
	f.status(request, 301)
	condition("the object that was created again is in force", "True", "Valid")
}
