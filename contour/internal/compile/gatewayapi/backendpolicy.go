package gatewayapi

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// backendPolicy is the verdict on a BackendTLSPolicy.
type backendPolicy struct {
	created     time.Time
	targets     []policyTarget // each once
	missing     []policyTarget // those of the targets that do not exist, in order
	problem     problem        // why connections to the targets fail
	unresolved  problem        // of its reference to authorities
	tls         ir.UpstreamTLS
	authorities ir.Authorities
	serverName  string
	report      report.Report
}

// policyTarget is a port of a Service, or with port "" all ports for which no policy names them.
type policyTarget struct {
	service kobj.Name
	port    string
}

func (t policyTarget) String() string {
	if t.port == "" {
		return fmt.Sprintf("Service %q", t.service)
	}
	return fmt.Sprintf("Port %q of Service %q", t.port, t.service)
}

// Bounds of a policy, as the API server has them: without one they are bounded all the same.
const (
	maxTargets  = 16
	maxAltNames = 5
	maxURI      = 253
	// maxBackendAuthorities is the largest bundle of authorities for backends, in the unit of ref.ValidationSize: each cluster has a copy
	// of it in Envoy. It is that of a usual bundle of all public authorities, twice.
	maxBackendAuthorities = 8
)

// keepLastPolicy returns the last verdict on a policy of which the derivation panics.
func keepLastPolicy(n kobj.Name, last *backendPolicy, _ bool, reason string) *backendPolicy {
	out := backendPolicy{problem: problem{report.InternalError, faultMessage(reason)}}
	if last != nil {
		out = *last
	}
	out.report = faulty(kobj.Key{Kind: kobj.BackendTLSPolicy, Name: n}, out.report, faultMessage(reason))
	return &out
}

// deriveBackendPolicy returns the verdict on a policy; nil if it does not exist.
func (x *Compiler) deriveBackendPolicy(r *memo.Reader, n kobj.Name) *backendPolicy {
	o, ok := x.env.Store.BackendTLSPolicies.Get(r, n)
	if !ok {
		return nil
	}
	b := policyBuilder{reader: r, env: x.env, key: kobj.Key{Kind: kobj.BackendTLSPolicy, Name: n}}
	b.report.Visit(b.key)
	b.out.created = o.CreationTimestamp.UTC()
	b.targets(o.Spec.TargetRefs)
	b.validation(&o.Spec.Validation)
	if len(o.Spec.Options) > 0 {
		b.add(report.Warning, report.TypeAccepted, problem{report.IgnoredField, "Options are not supported; the field has no effect."}, "spec.options")
	}
	b.out.report = b.report.Finish(report.TypeAccepted)
	return &b.out
}

type policyBuilder struct {
	reader *memo.Reader
	env    Env
	key    kobj.Key
	out    backendPolicy
	report report.Collector
}

func (b *policyBuilder) add(s report.Severity, t report.Type, p problem, field string) {
	if b.report.Wants(b.key, s) {
		b.report.Collect(report.Diagnostic{Object: b.key, Severity: s, Type: t, Reason: p.Reason, Field: field, Message: p.Message})
	}
}

// fail records why connections to the targets fail.
func (b *policyBuilder) fail(reason report.Reason, field, format string, args ...any) {
	p := problem{reason, fmt.Sprintf(format, args...)}
	b.add(report.Error, report.TypeAccepted, p, field)
	if !b.out.problem.is() {
		b.out.problem = p
	}
}

func (b *policyBuilder) targets(refs []gatewayv1.LocalPolicyTargetReferenceWithSectionName) {
	if len(refs) > maxTargets {
		b.add(report.Warning, report.TypeAccepted, problem{report.IgnoredField, fmt.Sprintf("There are %d targetRefs; those after the first %d have no effect.", len(refs), maxTargets)}, "spec.targetRefs")
	}
	for i := range refs[:min(len(refs), maxTargets)] {
		t, ok := targetOf(b.key.Namespace, &refs[i])
		if !ok {
			b.add(report.Warning, report.TypeAccepted, problem{report.InvalidKind, fmt.Sprintf("A targetRef is to the kind %s; use a Service.", report.Quote(string(refs[i].Kind)))}, at("spec.targetRefs", i))
			continue
		}
		if slices.Contains(b.out.targets, t) {
			continue
		}
		b.out.targets = append(b.out.targets, t)
		if f := b.missing(t); f != nil {
			b.out.missing = append(b.out.missing, t)
			b.add(report.Error, report.TypeAccepted, problem{report.TargetNotFound, f.Message}, at("spec.targetRefs", i))
		}
	}
}

// targetOf returns the target of a reference; false if it is to another kind.
func targetOf(namespace string, to *gatewayv1.LocalPolicyTargetReferenceWithSectionName) (policyTarget, bool) {
	t := policyTarget{service: kobj.Name{Namespace: namespace, Name: string(to.Name)}}
	if to.SectionName != nil {
		t.port = string(*to.SectionName)
	}
	return t, to.Group == "" && kobj.Kind(to.Kind) == kobj.Service
}

// targetsOf returns the targets of a policy, each once.
func targetsOf(namespace string, refs []gatewayv1.LocalPolicyTargetReferenceWithSectionName) []policyTarget {
	var out []policyTarget
	for i := range refs[:min(len(refs), maxTargets)] {
		if t, ok := targetOf(namespace, &refs[i]); ok && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// missing returns why there is no such target.
func (b *policyBuilder) missing(t policyTarget) *ref.Failure {
	if t.port != "" {
		_, f := b.env.Ref.ServiceNamed(b.reader, t.service, t.port)
		return f
	}
	return b.env.Ref.Usable(b.reader, t.service)
}

// validation reads how the certificates of backends are validated.
func (b *policyBuilder) validation(v *gatewayv1.BackendTLSPolicyValidation) {
	const field = "spec.validation"
	name, p := validate.Hostname(string(v.Hostname))
	if p != "" || !isPrecise(name) || validate.IsAddress(name) {
		b.fail(report.InvalidPolicy, field+".hostname", "Hostname %s is not a DNS name without a wildcard.", report.Quote(string(v.Hostname)))
	}
	b.out.serverName = name
	names := []string{name}
	if len(v.SubjectAltNames) > 0 {
		names = nil
	}
	var uris []string
	if n := len(v.SubjectAltNames); n > maxAltNames {
		b.fail(report.InvalidPolicy, field+".subjectAltNames", "There are %d subjectAltNames; at most %d are possible.", n, maxAltNames)
	}
	for i := range v.SubjectAltNames[:min(len(v.SubjectAltNames), maxAltNames)] {
		switch spec, field := &v.SubjectAltNames[i], at(field+".subjectAltNames", i); spec.Type {
		case gatewayv1.HostnameSubjectAltNameType:
			dns, p := validate.Hostname(string(spec.Hostname))
			if p != "" || validate.IsAddress(dns) {
				b.fail(report.InvalidPolicy, field, "Hostname %s is not a DNS name, with at most a leading \"*.\".", report.Quote(string(spec.Hostname)))
			}
			names = append(names, dns)
		case gatewayv1.URISubjectAltNameType:
			if u, err := url.Parse(string(spec.URI)); err != nil || !u.IsAbs() || len(spec.URI) > maxURI {
				b.fail(report.InvalidPolicy, field, "The URI %s is not absolute, or longer than %d characters.", report.Quote(string(spec.URI)), maxURI)
			}
			uris = append(uris, string(spec.URI))
		default:
			b.fail(report.InvalidPolicy, field, "The type %s of a subjectAltName is not Hostname or URI.", report.Quote(string(spec.Type)))
		}
	}
	b.out.tls.Names, b.out.authorities.URIs = ir.NewList(names...), ir.NewList(uris...)
	b.authorities(v)
}

// authorities reads by which authorities backends are validated.
func (b *policyBuilder) authorities(v *gatewayv1.BackendTLSPolicyValidation) {
	known := v.WellKnownCACertificates != nil && *v.WellKnownCACertificates != ""
	switch refs := v.CACertificateRefs; {
	case known == (len(refs) > 0):
		b.fail(report.InvalidPolicy, "spec.validation", "Exactly one of caCertificateRefs and wellKnownCACertificates is required.")
	case known && *v.WellKnownCACertificates != gatewayv1.WellKnownCACertificatesSystem:
		b.fail(report.InvalidPolicy, "spec.validation.wellKnownCACertificates", "The set %s of certificates is not supported; use System.", report.Quote(string(*v.WellKnownCACertificates)))
	case known:
		b.out.authorities.System = true
	case len(refs) > 1:
		b.unresolve(report.InvalidCACertificateRef, "There are %d caCertificateRefs; exactly one is supported, to a ConfigMap with any number of certificates.", len(refs))
	case refs[0].Group != "" || kobj.Kind(refs[0].Kind) != kobj.ConfigMap:
		b.unresolve(report.InvalidKind, "A caCertificateRef is to the kind %s; use a ConfigMap.", report.Quote(string(refs[0].Kind)))
	default:
		n := kobj.Name{Namespace: b.key.Namespace, Name: string(refs[0].Name)}
		size, f := b.env.Ref.GrantedCA(b.reader, b.key, n)
		switch {
		case f != nil:
			b.unresolve(report.InvalidCACertificateRef, "%s", f.Message)
		case size > maxBackendAuthorities:
			b.unresolve(report.InvalidCACertificateRef, "The certificates in ConfigMap %q are too large, by which every cluster would have a copy of them.", n)
		}
		b.out.tls.CA, b.out.authorities.ConfigMap = n, true
	}
}

// unresolve records that there are no authorities.
func (b *policyBuilder) unresolve(reason report.Reason, format string, args ...any) {
	const field = "spec.validation.caCertificateRefs"
	b.out.unresolved = problem{reason, fmt.Sprintf(format, args...)}
	b.add(report.Error, report.TypeResolvedRefs, b.out.unresolved, field)
	b.fail(report.NoValidCACertificate, field, "There is no valid CA certificate to validate backends with. %s", b.out.unresolved.Message)
}

// PolicyRoot returns what is said about a policy; it contributes to no host.
func (x *Compiler) PolicyRoot(r *memo.Reader, n kobj.Name) contrib.Root {
	p := x.policies.Get(r, n)
	if p == nil {
		return contrib.Root{}
	}
	key := kobj.Key{Kind: kobj.BackendTLSPolicy, Name: n}
	var rep report.Report
	rep.Merge(p.report)
	for _, t := range p.targets {
		if !x.prevails(r, n, t) {
			rep.Add(report.Diagnostic{Object: key, Type: report.TypeAccepted, Reason: report.PolicyConflicted, Message: conflicted(t).Message, Field: "spec.targetRefs"})
		}
	}
	rep.Seal()
	return contrib.Root{Report: rep}
}

func conflicted(t policyTarget) problem {
	return problem{report.PolicyConflicted, fmt.Sprintf("%s has an older BackendTLSPolicy.", t)}
}

// policyOf returns the policy of a port of a Service: that of the port, else that of the Service; nil if there is none.
func (x *Compiler) policyOf(r *memo.Reader, port *ref.ServicePort) *backendPolicy {
	if port.Name != "" {
		if n, ok := x.prevailing.Get(r, policyTarget{port.Service, port.Name}); ok {
			return x.policies.Get(r, n)
		}
	}
	if n, ok := x.prevailing.Get(r, policyTarget{service: port.Service}); ok {
		return x.policies.Get(r, n)
	}
	return nil
}

// encrypt applies the policy to a cluster; it reports whether connections to it are possible.
func (p *backendPolicy) encrypt(c *ir.Cluster) bool {
	if p.problem.is() {
		return false
	}
	c.TLS, c.SNI = p.tls, p.serverName
	tuning := c.Tuning.Value()
	tuning.Authorities = p.authorities
	c.Tuning = ir.Intern(tuning)
	switch c.Protocol {
	case ir.ProtocolHTTP1:
		c.Protocol = ir.ProtocolTLS
	case ir.ProtocolH2C:
		c.Protocol = ir.ProtocolH2
	case ir.ProtocolTLS, ir.ProtocolH2:
	}
	return true
}
