package httpproxy

import (
	"slices"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// rootTCP returns the TCP proxy of the host; nil if there is none or it cannot be served.
func (p *proxy) rootTCP() *ir.TCPProxy {
	if p.spec.TCPProxy == nil {
		return nil
	}
	out := p.tcp()
	if p.host.TLS == nil {
		p.errorf(subCondition{report.TypeTCPProxy, report.TLSMustBeConfigured}, "spec.tcpproxy", "A tcpproxy requires spec.virtualhost.tls.")
		return nil
	}
	if !p.servesConnections() { // a connection cannot be answered with an error
		return nil
	}
	return out
}

// tcp converts the tcpproxy of the proxy, or the one that it includes.
func (p *proxy) tcp() *ir.TCPProxy {
	spec, at := p.spec.TCPProxy, path("spec.tcpproxy")
	include, field := tcpTarget(spec)
	switch {
	case include != nil && len(spec.Services) > 0:
		p.errorf(subCondition{report.TypeTCPProxy, report.NoServicesAndInclude}, at, "The tcpproxy has both services and an include; exactly one is required.")
	case include != nil:
		return p.includedTCP(include, at.dot(field))
	case len(spec.Services) > 0:
		return p.tcpServices(spec, at)
	default:
		p.errorf(subCondition{report.TypeTCPProxy, report.NothingDefined}, at, "The tcpproxy has neither services nor an include; exactly one is required.")
	}
	return nil
}

func (p *proxy) includedTCP(include *contourv1.TCPProxyInclude, at path) *ir.TCPProxy {
	child, ok := p.target(include.Namespace, include.Name, at, report.TypeTCPProxyInclude)
	if !ok {
		return nil
	}
	if child.spec.TCPProxy == nil {
		p.errorf(subCondition{report.TypeTCPProxyInclude, report.NothingDefined}, at, "The included HTTPProxy %s has no tcpproxy.", quoted(child.key.Name.String()))
		return nil
	}
	return child.tcp()
}

// tcpServices converts the services of a tcpproxy; nil if a setting is invalid or no service with a weight is usable.
func (p *proxy) tcpServices(spec *contourv1.TCPProxy, at path) *ir.TCPProxy {
	tuning := ir.Tuning{Balancing: p.tcpBalancing(spec.LoadBalancerPolicy, at.dot("loadBalancerPolicy"))}
	health, ok := p.tcpHealthCheck(spec.HealthCheckPolicy, at.dot("healthCheckPolicy"))
	tuning.Health = health
	services, at := spec.Services, at.dot("services")
	weights, weighted := p.weights(services, at)
	if !weighted {
		return nil
	}
	var out []ir.Backend
	for i := range services {
		p.reportIgnoredTCP(&services[i], at.at(i))
		cluster, v := p.cluster(&services[i], at.at(i), report.TypeTCPProxy, tuning)
		if v == invalid {
			ok = false
		}
		if v == usable && weights[i] > 0 {
			out = append(out, ir.Backend{Cluster: cluster, Weight: weights[i]})
		}
	}
	if !ok || len(out) == 0 {
		return nil
	}
	return &ir.TCPProxy{Backends: slices.Clip(out)}
}
