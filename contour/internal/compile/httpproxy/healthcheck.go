package httpproxy

import (
	"cmp"
	"math"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// The values of health checks that are not set, as in Contour.
const (
	defaultCheckInterval  = 10
	defaultCheckTimeout   = 2
	defaultCheckUnhealthy = 3
	defaultCheckHealthy   = 2
)

const (
	// maxCheckTimeout bounds the timeout in seconds: an Envoy that starts serves no requests before the first check of every
	// endpoint, and a cluster with a check gets no requests before.
	maxCheckTimeout = 10
	// maxCheckInterval is the largest interval in seconds.
	maxCheckInterval = math.MaxInt32
)

// check is the numbers of a health check of either kind.
type check struct {
	interval, timeout, healthy, unhealthy int64
	at                                    path
	condition                             subCondition
}

// healthCheck returns the health check of the route; zero if there is none.
func (b *builder) healthCheck() ir.HealthCheck {
	spec := b.spec.HealthCheckPolicy
	if spec == nil {
		return ir.HealthCheck{}
	}
	f, at := subCondition{report.TypeRoute, report.HealthCheckPolicyInvalid}, b.at.dot("healthCheckPolicy")
	out, ok := b.checkOf(check{spec.IntervalSeconds, spec.TimeoutSeconds, spec.HealthyThresholdCount, spec.UnhealthyThresholdCount, at, f})
	b.invalid = b.invalid || !ok
	out.Kind, out.Path, out.Host, out.Statuses = ir.HealthHTTP, spec.Path, spec.Host, b.expectedStatuses(spec.ExpectedStatuses, at.dot("expectedStatuses"))
	if problem := cmp.Or(validate.Path(spec.Path), validate.PathLength(spec.Path)); problem != "" {
		b.reject(f, at.dot("path"), "%s %s.", quoted(spec.Path), problem)
	}
	if spec.Host != "" && validate.Authority(spec.Host) != "" {
		b.reject(f, at.dot("host"), "%s is not a host name with an optional port.", quoted(spec.Host))
	}
	return out
}

// expectedStatuses returns the status codes of a successful check.
func (b *builder) expectedStatuses(ranges []contourv1.HTTPStatusRange, at path) ir.Statuses {
	var out ir.Statuses
	for i, r := range ranges {
		if r.Start < 100 || r.End > 600 || r.Start >= r.End {
			b.reject(subCondition{report.TypeRoute, report.HealthCheckPolicyInvalid}, at.at(i),
				"%d to %d is not a range of status codes between 100 and 600, of which the end is exclusive.", r.Start, r.End)
			continue
		}
		out = out.With(int(r.Start), int(r.End))
	}
	return out
}

// tcpHealthCheck returns the health check of a tcpproxy; zero if there is none, and false if it is invalid.
func (p *proxy) tcpHealthCheck(spec *contourv1.TCPHealthCheckPolicy, at path) (ir.HealthCheck, bool) {
	if spec == nil {
		return ir.HealthCheck{}, true
	}
	out, ok := p.checkOf(check{
		spec.IntervalSeconds, spec.TimeoutSeconds, int64(spec.HealthyThresholdCount), int64(spec.UnhealthyThresholdCount),
		at,
		subCondition{report.TypeTCPProxy, report.HealthCheckPolicyInvalid},
	})
	out.Kind = ir.HealthTCP
	return out, ok
}

// checkOf converts the numbers of a health check; false if one of them is invalid.
func (p *proxy) checkOf(c check) (ir.HealthCheck, bool) {
	ok := true
	for _, n := range []struct {
		name        string
		value, most int64
	}{
		{"intervalSeconds", c.interval, maxCheckInterval},
		{"timeoutSeconds", c.timeout, math.MaxInt64},
		{"healthyThresholdCount", c.healthy, math.MaxUint32},
		{"unhealthyThresholdCount", c.unhealthy, math.MaxUint32},
	} {
		if n.value < 0 || n.value > n.most {
			p.errorf(c.condition, c.at.dot(n.name), "%d is not between 0 and %d.", n.value, n.most)
			ok = false
		}
	}
	if c.timeout > maxCheckTimeout {
		p.warnf(c.condition, c.at.dot("timeoutSeconds"), "Checks time out after %d s at the latest, because new clusters wait for their first checks.", maxCheckTimeout)
		c.timeout = maxCheckTimeout
	}
	if !ok {
		return ir.HealthCheck{}, false
	}
	return ir.HealthCheck{
		Interval:  time.Duration(cmp.Or(c.interval, defaultCheckInterval)) * time.Second,
		Timeout:   time.Duration(cmp.Or(c.timeout, defaultCheckTimeout)) * time.Second,
		Healthy:   uint32(cmp.Or(c.healthy, defaultCheckHealthy)),
		Unhealthy: uint32(cmp.Or(c.unhealthy, defaultCheckUnhealthy)),
	}, true
}

// setHealthPort sets the port for the health checks of the service, if it differs from that of requests.
func (p *proxy) setHealthPort(h *ir.HealthCheck, spec *contourv1.Service, at path, t report.Type) availability {
	switch {
	case spec.HealthPort == 0 || spec.HealthPort == spec.Port:
		return usable
	case h.Kind == ir.HealthNone:
		p.warnf(subCondition{t, report.IgnoredField}, at.dot("healthPort"), "The healthPort has no effect without a healthCheckPolicy.")
		return usable
	}
	if problem := validate.Port(spec.HealthPort); problem != "" {
		p.errorf(subCondition{report.TypeService, report.ServicePortInvalid}, at.dot("healthPort"), "The port %d %s.", spec.HealthPort, problem)
		return missing
	}
	port, failure := p.env.Ref.Service(p.reader, kobj.Name{Namespace: p.key.Namespace, Name: spec.Name}, int32(spec.HealthPort))
	if failure != nil {
		p.errorf(subCondition{t, report.ServiceUnresolvedReference}, at.dot("healthPort"), "%s", failure.Message)
		return missing
	}
	h.Port = port.Name
	return usable
}
