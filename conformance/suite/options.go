package suite

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options are the configuration of a run, as flags.
type Options struct {
	// Kubeconfig is empty for $KUBECONFIG or kubectl's default.
	Kubeconfig string
	// HTTP and HTTPS are the addresses of the proxy; empty ones are read from the cluster, from Service
	// (namespace/name) or, without, from the status of an Ingress.
	HTTP, HTTPS, Service string
	// BackendIP makes backends servers of this process; without, they are pods of BackendImage.
	BackendIP, BackendImage string
	// RateLimitService is namespace/name of the ExtensionService that the configuration of the controller names; empty if it names
	// none.
	RateLimitService string
	// Report is a directory for one report of each suite.
	Report         string
	Parallel       int
	Implementation Implementation
	// Provider of the cluster, for the report.
	Provider string
	// Suites are names; nil is those whose API the cluster has.
	Suites []string
	// Class, Features, Improvements, Skips and Timeout are those of the Runner.
	Class        string
	Features     []string
	Improvements bool
	Skips        map[string]string
	Timeout      time.Duration
}

// Register defines the flags, whose values are in o after parsing.
func (o *Options) Register(fs *flag.FlagSet) {
	fs.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig `file` of the cluster of the controller under test; empty for kubectl's default")
	fs.StringVar(&o.HTTP, "address", "", "`host:port` of the proxy for HTTP; empty to read it from the cluster")
	fs.StringVar(&o.HTTPS, "https-address", "", "`host:port` of the proxy for HTTPS; empty to read it from the cluster")
	fs.StringVar(&o.Service, "service", "", "`namespace/name` of the Service with the addresses; empty to read them from the status of an Ingress")
	fs.StringVar(&o.BackendImage, "backend-image", DefaultImage, "`image` of the pods that are the backends: command echo of the harness")
	fs.StringVar(&o.BackendIP, "backend-ip", "", "`address` of this machine that the proxy can reach: backends listen on it instead of being pods")
	fs.StringVar(&o.RateLimitService, "rate-limit-service", "", "`namespace/name` of the ExtensionService for rate limits that the controller's configuration names, with domain conformance; it is made while a test runs")
	fs.StringVar(&o.Report, "report", "", "`directory` for the reports, a YAML file for each suite")
	fs.IntVar(&o.Parallel, "tests", 8, "how `many` tests run at a time")
	fs.StringVar(&o.Implementation.Name, "implementation", "unknown", "`name` of the controller, for the report")
	fs.StringVar(&o.Implementation.Version, "implementation-version", "", "its `version`")
	fs.StringVar(&o.Provider, "provider", "", "`kind` of the cluster, for the report")
	fs.StringVar(&o.Class, "ingress-class", "contour", "`class` for Ingresses and HTTPProxies; empty for none")
	fs.BoolVar(&o.Improvements, "improvements", false, "also test what is better than the documented API")
	fs.DurationVar(&o.Timeout, "timeout", DefaultTimeout, "`duration` after which an expectation that is not true fails")
	fs.Func("suites", "`a,b`: suites to run; default is those whose API the cluster has", o.setSuites)
	fs.Func("features", "extended features that the controller has: `a,b,c`, all (default) or none", o.setFeatures)
	fs.Func("skip", "do not run a test: `name=reason`; may be repeated", o.addSkip)
}

func (o *Options) setSuites(list string) error {
	o.Suites = strings.Split(list, ",")
	return nil
}

func (o *Options) setFeatures(list string) error {
	switch list {
	case "all":
		o.Features = nil
	case "none":
		o.Features = []string{}
	default:
		o.Features = strings.Split(list, ",")
	}
	return nil
}

func (o *Options) addSkip(skip string) error {
	name, reason, ok := strings.Cut(skip, "=")
	if !ok || reason == "" {
		return errors.New("want name=reason")
	}
	if o.Skips == nil {
		o.Skips = map[string]string{}
	}
	o.Skips[name] = reason
	return nil
}

// Check returns an error if the options name a suite, a test or a feature that does not exist.
func (o Options) Check(suites []Suite) error {
	var errs []error
	tests := allTests(suites)
	for _, name := range o.Suites {
		if !slices.ContainsFunc(suites, func(s Suite) bool { return s.Name == name }) {
			errs = append(errs, fmt.Errorf("-suites: there is no suite %s", name))
		}
	}
	for name := range o.Skips {
		if !slices.ContainsFunc(tests, func(t Test) bool { return t.Name == name }) {
			errs = append(errs, fmt.Errorf("-skip: there is no test %s", name))
		}
	}
	for _, name := range o.Features {
		known := slices.ContainsFunc(tests, func(t Test) bool {
			return slices.Contains(t.Features, Feature{Name: name, Level: Extended})
		})
		if !known {
			errs = append(errs, fmt.Errorf("-features: there is no extended feature %s", name))
		}
	}
	if _, _, ok := strings.Cut(o.RateLimitService, "/"); o.RateLimitService != "" && !ok {
		errs = append(errs, fmt.Errorf("-rate-limit-service %s: want namespace/name", o.RateLimitService))
	}
	return errors.Join(errs...)
}

func allTests(suites []Suite) []Test {
	var tests []Test
	for _, s := range suites {
		tests = append(tests, s.Tests...)
	}
	return tests
}

// Configure sets the fields of the runner that do not depend on the cluster.
func (o Options) Configure(r Runner) *Runner {
	r.Class, r.Features, r.Improvements, r.Skips, r.Timeout = o.Class, o.Features, o.Improvements, o.Skips, o.Timeout
	r.RateLimitService = o.RateLimitService
	return &r
}
