package suite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

// Plan is what to run, and where.
type Plan struct {
	Runner *Runner
	Suites []Suite
	About  About
}

// Tests are those of all suites.
func (p *Plan) Tests() []Test { return allTests(p.Suites) }

// Reports are those of all suites. Results without an outcome, of tests that were not chosen, are left out.
func (p *Plan) Reports(results []Result) []Report {
	results = slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Outcome == "" })
	var reports []Report
	for _, s := range p.Suites {
		reports = append(reports, NewReport(p.About, s.Name, results))
	}
	return reports
}

// Plan checks the cluster of the options: whether it answers, has the APIs, has the address of the proxy, and
// whether the controller serves the class. The errors contain the remedy.
func (o Options) Plan(ctx context.Context, suites []Suite) (*Plan, error) {
	if err := o.Check(suites); err != nil {
		return nil, err
	}
	c, err := connect(ctx, o.Kubeconfig)
	if err != nil {
		return nil, err
	}
	ca, err := pki.New("conformance")
	if err != nil {
		return nil, err
	}
	backends, err := o.backends(c.kube, ca)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Runner: o.Configure(Runner{Kube: c.kube, CA: ca, Backends: backends}),
		About: About{
			Implementation: o.Implementation, Provider: o.Provider, Kubernetes: c.version, Backends: backends.String(),
		},
	}
	if err := p.choose(ctx, c, suites, o.Suites); err != nil {
		return nil, err
	}
	if p.Runner.Traffic, err = o.proxy(ctx, p.Runner); err != nil {
		return nil, errors.Join(err, p.classes(ctx))
	}
	return p, p.probe(ctx)
}

func (o Options) backends(client *kube.Client, ca *pki.CA) (Backends, error) {
	if o.BackendIP == "" {
		return Pods{Kube: client, Image: o.BackendImage, CA: ca}, nil
	}
	ip, err := netip.ParseAddr(o.BackendIP)
	if err != nil {
		return nil, fmt.Errorf("-backend-ip: %w", err)
	}
	return InProcess{Kube: client, CA: ca, IP: func() (netip.Addr, error) { return ip, nil }}, nil
}

// choose returns the named suites. A suite that was not named, and whose API the cluster does not have, is
// skipped, test by test.
func (p *Plan) choose(ctx context.Context, c *cluster, suites []Suite, named []string) error {
	skips := map[string]string{}
	for _, s := range suites {
		if named != nil && !slices.Contains(named, s.Name) {
			continue
		}
		served, err := c.serves(ctx, s.Kind)
		if err != nil {
			return err
		}
		if !served {
			reason := fmt.Sprintf("the cluster has no %s (%s)", s.Kind.Kind, s.Kind.GroupVersion())
			if named != nil {
				return fmt.Errorf("-suites %s: %s: install its CustomResourceDefinition", s.Name, reason)
			}
			s.Probe = Test{}
			for _, t := range s.Tests {
				skips[t.Name] = reason
			}
		}
		p.Suites = append(p.Suites, s)
	}
	maps.Copy(skips, p.Runner.Skips)
	p.Runner.Skips = skips
	return nil
}

// proxy is the addresses of the options, otherwise those of the cluster.
func (o Options) proxy(ctx context.Context, r *Runner) (traffic.Client, error) {
	c := traffic.Client{HTTP: o.HTTP, HTTPS: o.HTTPS}
	if c.HTTP != "" && c.HTTPS != "" {
		return c, nil
	}
	find := r.ingressAddress
	if o.Service != "" {
		find = func(ctx context.Context) (traffic.Client, error) { return serviceAddress(ctx, r.Kube, o.Service) }
	}
	found, err := find(ctx)
	if err != nil {
		return c, fmt.Errorf("address of the proxy: %w (set -address and -https-address, or -service)", err)
	}
	if c.HTTP == "" {
		c.HTTP = found.HTTP
	}
	if c.HTTPS == "" {
		c.HTTPS = found.HTTPS
	}
	return c, nil
}

// probe runs the probes of all suites that are not skipped.
func (p *Plan) probe(ctx context.Context) error {
	var errs []error
	for _, s := range p.Suites {
		if s.Probe.Run == nil {
			continue
		}
		if result := p.Runner.Run(ctx, s.Probe); result.Outcome == Failed {
			errs = append(errs, fmt.Errorf("no test was run, for the simplest %s of class %q at %s is not served: %s",
				s.Kind.Kind, p.Runner.Class, p.Runner.Traffic.HTTP, result.Reason))
		}
	}
	if errs == nil {
		return nil
	}
	return errors.Join(append(errs, p.classes(ctx))...)
}

// classes is an error that lists the classes of the cluster.
func (p *Plan) classes(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	classes, err := p.Runner.Kube.List(ctx, networkingv1.SchemeGroupVersion.WithKind("IngressClass"), "")
	if err != nil {
		return err
	}
	var names []string
	for i := range classes {
		names = append(names, classes[i].GetName())
	}
	switch {
	case p.Runner.Class == "" || slices.Contains(names, p.Runner.Class):
		return nil
	case len(names) == 0:
		return errors.New("the cluster has no IngressClass; set -ingress-class to the class that the controller serves")
	default:
		return fmt.Errorf("there is no IngressClass %q; the cluster has %s (-ingress-class)", p.Runner.Class, strings.Join(names, ", "))
	}
}
