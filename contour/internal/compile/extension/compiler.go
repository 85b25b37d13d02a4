package extension

import (
	"cmp"
	"fmt"
	"slices"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// maxTargets bounds the Services of an ExtensionService.
const maxTargets = 100

// compiler compiles one ExtensionService.
type compiler struct {
	reader *memo.Reader
	ref    *ref.Resolver
	key    kobj.Key
	spec   *contourv1alpha1.ExtensionServiceSpec
	report report.Collector
	failed bool // there is an error
}

// reason is the type and reason of a diagnostic.
type reason struct {
	Type   report.Type
	Reason report.Reason
}

func (c *compiler) errorf(r reason, field, format string, args ...any) {
	c.failed = true
	c.add(report.Error, r, field, format, args...)
}

func (c *compiler) ignore(field, format string, args ...any) {
	c.add(report.Warning, reason{report.TypeSpec, report.IgnoredField}, field, format, args...)
}

func (c *compiler) add(s report.Severity, r reason, field, format string, args ...any) {
	if c.report.Wants(c.key, s) {
		c.report.Collect(report.Diagnostic{
			Object: c.key, Severity: s, Type: r.Type, Reason: r.Reason, Field: "spec." + field, Message: fmt.Sprintf(format, args...),
		})
	}
}

// protocol sets the protocol, which is h2 by default, and the verification of certificates.
func (c *compiler) protocol(out *ir.ExtensionCluster) {
	inconsistent := reason{report.TypeSpec, report.InconsistentProtocol}
	name := "h2"
	if c.spec.Protocol != nil {
		name = cmp.Or(*c.spec.Protocol, name)
	}
	switch name {
	case "h2":
		out.Protocol = ir.ProtocolH2
	case "h2c":
		out.Protocol = ir.ProtocolH2C
	case "http/1.1":
		out.Protocol = ir.ProtocolHTTP1
	default:
		c.errorf(inconsistent, "protocol", "The protocol %s is not one of h2, h2c and http/1.1.", report.Quote(name))
	}
	if v := c.spec.ProtocolVersion; v != "" && v != contourv1alpha1.SupportProtocolVersion3 {
		c.errorf(inconsistent, "protocolVersion", "The version %s of the API of Envoy is not v3.", report.Quote(string(v)))
	}
	shown, failure := c.ref.ClientCertificate(c.reader, out.Protocol)
	if failure != nil {
		c.errorf(reason{report.TypeTLS, report.SecretNotValid}, "protocol", "%s", failure.Message)
	}
	out.ClientCertificate = shown
	if c.spec.UpstreamValidation == nil {
		return
	}
	if name != "h2" {
		c.errorf(inconsistent, "validation", "The certificates of the service cannot be verified with protocol %s, only with h2.", report.Quote(name))
		return
	}
	c.validation(c.spec.UpstreamValidation, out)
}

// validation sets the CA and the names of which the certificates must contain one. The first one is the server name, too.
func (c *compiler) validation(v *contourv1.UpstreamValidation, out *ir.ExtensionCluster) {
	names, field, message := validate.SubjectNames(v.SubjectName, v.SubjectNames, report.Quote)
	if message != "" {
		c.errorf(reason{report.TypeSpec, report.TLSUpstreamValidation}, "validation."+field, "%s", message)
		return
	}
	ca := ref.SecretName(c.key.Namespace, v.CACertificate)
	switch failure := c.ref.CASecret(c.reader, c.key.Namespace, ca); {
	case failure == nil:
		out.TLS, out.SNI = ir.UpstreamTLS{CA: ca, Names: ir.NewList(names...)}, validate.ServerName(names[0])
	case failure.Problem == ref.NotPermitted:
		c.errorf(reason{report.TypeTLS, report.CACertificateNotDelegated}, "validation.caSecret", "%s", failure.Message)
	default:
		c.errorf(reason{report.TypeSpec, report.TLSUpstreamValidation}, "validation.caSecret", "%s", failure.Message)
	}
}

func (c *compiler) balance(out *ir.ExtensionCluster) {
	if c.spec.LoadBalancerPolicy == nil {
		return
	}
	switch s := c.spec.LoadBalancerPolicy.Strategy; s {
	case "", "RoundRobin":
	case "Random":
		out.Balance = ir.ExtensionRandom
	case "WeightedLeastRequest":
		out.Balance = ir.ExtensionLeastRequest
	default:
		c.ignore("loadBalancerPolicy.strategy", "The strategy %s has no effect on the calls of Envoy; they are distributed in turn.", report.Quote(s))
	}
}

func (c *compiler) timeouts(out *Extension) {
	spec := c.spec.TimeoutPolicy
	if spec == nil {
		return
	}
	read := func(field, text string) ir.Timeout {
		limit, problem := validate.Timeout(text)
		if problem != "" {
			c.errorf(reason{report.TypeSpec, report.TimeoutPolicyNotValid}, "timeoutPolicy."+field, "%s %s.", report.Quote(text), problem)
		}
		return limit
	}
	out.Timeout, out.Cluster.Idle = read("response", spec.Response), read("idleConnection", spec.IdleConnection)
	if spec.Idle != "" {
		read("idle", spec.Idle)
		c.ignore("timeoutPolicy.idle", "An idle timeout has no effect on the calls of Envoy.")
	}
}

// targets returns the Services with a share of the calls; equal shares if no target has a weight.
func (c *compiler) targets() []ir.ExtensionTarget {
	switch n := len(c.spec.Services); {
	case n == 0:
		c.errorf(reason{report.TypeSpec, report.NothingDefined}, "services", "There are no services; at least one is required.")
	case n > maxTargets:
		c.errorf(reason{report.TypeSpec, report.TooMany}, "services", "There are %d services; at most %d are allowed.", n, maxTargets)
		return nil
	}
	weighted := slices.ContainsFunc(c.spec.Services, func(s contourv1alpha1.ExtensionServiceTarget) bool { return s.Weight > 0 })
	var out []ir.ExtensionTarget
	for i := range c.spec.Services {
		target := &c.spec.Services[i]
		endpoints, ok := c.target(target, fmt.Sprintf("services[%d]", i))
		weight := target.Weight
		if !weighted {
			weight = 1
		}
		if ok && weight > 0 {
			out = append(out, ir.ExtensionTarget{Endpoints: endpoints, Weight: weight})
		}
	}
	return out
}

// target resolves one Service, which is in the namespace of the object.
func (c *compiler) target(t *contourv1alpha1.ExtensionServiceTarget, field string) (ir.EndpointKey, bool) {
	if problem := validate.Port(t.Port); problem != "" {
		c.errorf(reason{report.TypeService, report.ServicePortInvalid}, field+".port", "The port %d %s.", t.Port, problem)
		return ir.EndpointKey{}, false
	}
	port, failure := c.ref.Service(c.reader, kobj.Name{Namespace: c.key.Namespace, Name: t.Name}, int32(t.Port))
	switch {
	case failure == nil && port.Host != "": // as in Contour
		c.errorf(reason{report.TypeService, report.UnsupportedServiceType}, field, "Service %q is of type ExternalName, which an ExtensionService may not use.", port.Service)
	case failure == nil:
		return port.Cluster().Endpoints, true
	case failure.Problem == ref.NotPermitted:
		c.errorf(reason{report.TypeService, report.UnsupportedServiceType}, field, "%s", failure.Message)
	default:
		c.errorf(reason{report.TypeService, report.ServiceUnresolvedReference}, field, "%s", failure.Message)
	}
	return ir.EndpointKey{}, false
}
