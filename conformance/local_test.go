//go:build local && !kind

package conformance_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"contour.example/conformance"
	"contour.example/conformance/suite"
	"contour.example/harness/testsystem"
)

// local is the system that the tests use. Set once, before they run.
var local *testsystem.System

// run tests the controller of this checkout on a system of its own, improvements included.
func run(_ context.Context, m *testing.M, o suite.Options, suites []suite.Suite) (int, error) {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o.RateLimitService = testsystem.Namespace + "/ratelimit"
	config, err := configuration(dir, os.Getenv("CONTOUR_ARGS"), o.RateLimitService)
	if err != nil {
		return 0, err
	}
	serve := testsystem.Options{ServeArgs: []string{"--ingress-status-address=192.0.2.1", "--config-path=" + config}}
	return testsystem.Main(m, serve, func(s *testsystem.System) {
		local, o.Improvements = s, true
		ip := sync.OnceValues(s.Addresses.IP) // one address for all servers, which have ports of their own
		backends := suite.InProcess{Kube: s.Kube, CA: s.CA, IP: ip}
		plan = &suite.Plan{
			Runner: o.Configure(suite.Runner{Kube: s.Kube, Traffic: s.Traffic, CA: s.CA, Backends: backends}),
			Suites: suites,
			About:  suite.About{Implementation: o.Implementation, Provider: "local", Backends: backends.String()},
		}
	}), nil
}

// configuration writes the file that the arguments name, or a new one, with the rate limit service, and returns its path.
func configuration(dir, args, service string) (string, error) {
	text := []byte{}
	for arg := range strings.FieldsSeq(args) {
		if file, found := strings.CutPrefix(arg, "--config-path="); found {
			var err error
			if text, err = os.ReadFile(file); err != nil {
				return "", err
			}
		}
	}
	text = fmt.Appendf(text, "\nrateLimitService: {extensionService: %s, domain: conformance}\n", service)
	path := filepath.Join(dir, "contour.yaml")
	return path, os.WriteFile(path, text, 0o600)
}

// Where no controller serves the class, no test passes: each of them expects something that only a controller provides.
func TestNothingPassesWithoutController(t *testing.T) {
	idle := *plan.Runner
	idle.Class, idle.Skips, idle.Timeout = "unserved", nil, 200*time.Millisecond
	idle.All(t.Context(), plan.Tests(), 4, func(r suite.Result) {
		if r.Outcome == suite.Passed {
			t.Errorf("%s passes", r.Test.Name)
		}
	})
}

// localOptions points to the system as flags do.
func localOptions(t *testing.T) suite.Options {
	t.Helper()
	ip, err := local.Addresses.IP()
	if err != nil {
		t.Fatal(err)
	}
	return suite.Options{
		Kubeconfig: local.Cluster.Kubeconfig, HTTP: local.Traffic.HTTP, HTTPS: local.Traffic.HTTPS,
		BackendIP: ip.String(), Class: "contour", Timeout: 30 * time.Second,
	}
}

// A cluster is found by its kubeconfig alone, and the report describes it.
func TestPlan(t *testing.T) {
	suites, err := conformance.Suites()
	if err != nil {
		t.Fatal(err)
	}
	p, err := localOptions(t).Plan(t.Context(), suites)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(p.About.Kubernetes, "v1.") || len(p.Suites) != len(suites) || len(p.Runner.Skips) != 0 {
		t.Errorf("got %+v, %d suites, skips %v", p.About, len(p.Suites), p.Runner.Skips)
	}
	o := localOptions(t)
	// The status of an Ingress names an address where nothing listens.
	o.HTTP, o.Suites, o.Timeout = "", []string{"ingress"}, time.Second
	if _, err = o.Plan(t.Context(), suites); err == nil || !strings.Contains(err.Error(), "at 192.0.2.1:80 is not served") {
		t.Errorf("got %v", err)
	}
}

// Common error situations have a message that contains the remedy.
func TestPlanMessages(t *testing.T) {
	suites, err := conformance.Suites()
	if err != nil {
		t.Fatal(err)
	}
	absent := suites[0]
	absent.Name, absent.Kind.Kind = "absent", "Absent"
	for want, edit := range map[string]func(*suite.Options){
		`no test was run, for the simplest Ingress of class "unserved"`:                              func(o *suite.Options) { o.Class, o.Timeout = "unserved", time.Second },
		`the cluster has no IngressClass; set -ingress-class`:                                        func(o *suite.Options) { o.Class, o.Timeout = "unserved", time.Second },
		`an Ingress of class "unserved": Ingress `:                                                   func(o *suite.Options) { o.HTTP, o.Class, o.Timeout = "", "unserved", time.Second },
		`Service default/absent: get Service default/absent`:                                         func(o *suite.Options) { o.HTTP, o.Service = "", "default/absent" },
		`-service absent: want namespace/name`:                                                       func(o *suite.Options) { o.HTTP, o.Service = "", "absent" },
		`-suites absent: the cluster has no Absent (projectcontour.io/v1)`:                           func(o *suite.Options) { o.Suites = []string{"absent"} },
		`-backend-ip: ParseAddr("here")`:                                                             func(o *suite.Options) { o.BackendIP = "here" },
		`there is no cluster to test: kubeconfig /nowhere: stat /nowhere: no such file or directory`: func(o *suite.Options) { o.Kubeconfig = "/nowhere" },
	} {
		o := localOptions(t)
		edit(&o)
		if _, err := o.Plan(t.Context(), append(suites, absent)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What the cluster does not have is skipped with the reason, unless it was requested.
func TestPlanSkips(t *testing.T) {
	absent := suite.Suite{Name: "absent", Tests: []suite.Test{{Name: "absent/a"}}}
	absent.Kind.Group, absent.Kind.Version, absent.Kind.Kind = "absent.example", "v1", "Absent"
	p, err := localOptions(t).Plan(t.Context(), []suite.Suite{absent})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Runner.Run(t.Context(), p.Tests()[0])
	if r.Outcome != suite.Skipped || r.Reason != "the cluster has no Absent (absent.example/v1)" {
		t.Errorf("got %s: %s", r.Outcome, r.Reason)
	}
}

// The API server admits backends as pods where only restricted pods are.
func TestPodsAreRestricted(t *testing.T) {
	namespace, err := local.Kube.CreateNamespace(t.Context(), "restricted")
	if err != nil {
		t.Fatal(err)
	}
	_, err = local.Kube.ApplyYAML(t.Context(), namespace, `
apiVersion: v1
kind: Namespace
metadata: {name: `+namespace+`, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default}
`)
	if err != nil {
		t.Fatal(err)
	}
	pods := suite.Pods{Kube: local.Kube, Image: suite.DefaultImage, CA: local.CA}
	for _, b := range []suite.Backend{
		{Name: "plain", Namespace: namespace, Port: 80, Endpoints: 2},
		{Name: "encrypted", Namespace: namespace, Port: 443, Endpoints: 1, TLS: "a.example"},
	} {
		running, err := pods.Start(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if err := running.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
