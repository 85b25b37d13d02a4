package httpproxy

import (
	"slices"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// availability is the result of resolving a service.
type availability uint8

const (
	usable  availability = iota
	missing              // an object that it refers to cannot be used: the other services receive its share
	invalid              // its own settings are invalid: the route is not served
)

// backends returns the backends of the route, and its mirror; none if no service with a weight is usable.
func (b *builder) backends(tuning ir.Tuning, host *ir.HostRewrite) ([]ir.Backend, *ir.Mirror) {
	at := b.at.dot("services")
	weights, ok := b.weights(zeroMirrorWeights(b.spec.Services), at)
	if !ok {
		b.invalid = true
		return nil, nil
	}
	if !slices.ContainsFunc(b.spec.Services, func(s contourv1.Service) bool { return !s.Mirror }) {
		b.reject(subCondition{report.TypeRoute, report.RouteActionCountNotValid}, at, "All services are mirrors; at least one service without mirror is required.")
		return nil, nil
	}
	var out []ir.Backend
	mirror := mirrors{builder: b}
	for i := range b.spec.Services {
		spec := &b.spec.Services[i]
		backend, v := b.backend(spec, at.at(i), host, tuning)
		switch {
		case v == invalid:
			b.invalid = true
		case spec.Mirror:
			mirror.add(spec, backend, v, at.at(i))
		case v == usable:
			backend.Weight = weights[i]
			out = append(out, backend)
		}
	}
	return withWeight(out), mirror.found
}

// withWeight returns the backends if at least one of them has a weight, else none.
func withWeight(backends []ir.Backend) []ir.Backend {
	if slices.ContainsFunc(backends, func(b ir.Backend) bool { return b.Weight > 0 }) {
		return backends
	}
	return nil
}

// backend converts one service of the route, with its own changes to headers.
func (b *builder) backend(spec *contourv1.Service, at path, host *ir.HostRewrite, tuning ir.Tuning) (ir.Backend, availability) {
	values := validate.Variables{Namespace: b.key.Namespace, Service: spec.Name, Port: spec.Port}
	request, own := b.headers(headerPolicy{
		spec: spec.RequestHeadersPolicy, at: at.dot("requestHeadersPolicy"), request: true, literalHost: true,
		condition: subCondition{report.TypeService, report.RequestHeadersPolicyInvalid}, variables: values,
	})
	response, _ := b.headers(headerPolicy{
		spec: spec.ResponseHeadersPolicy, at: at.dot("responseHeadersPolicy"),
		condition: subCondition{report.TypeService, report.ResponseHeadersPolicyInvalid}, variables: values,
	})
	out := ir.Backend{RequestHeaders: request, ResponseHeaders: response}
	out.Cookies = withCookies(b.cookies, b.cookieRewrites(spec.CookieRewritePolicies, at.dot("cookieRewritePolicies")))
	if own != nil {
		out.Host, host = own.Literal, own
	}
	slow, ok := b.slowStart(spec.SlowStartPolicy, tuning.Balancing, at.dot("slowStartPolicy"))
	tuning.SlowStart = slow
	tuning.FollowRedirects = tuning.FollowRedirects && !spec.Mirror
	cluster, v := b.cluster(spec, at, report.TypeService, tuning)
	if !ok {
		v = invalid
	}
	if host != nil && host.Literal != "" && cluster.Protocol.UsesTLS() {
		cluster.SNI = validate.ServerName(host.Literal)
	}
	out.Cluster = cluster
	return out, v
}

// zeroMirrorWeights returns the services with weight 0 for mirrors, whose weight is not a share of the requests.
func zeroMirrorWeights(services []contourv1.Service) []contourv1.Service {
	out := slices.Clone(services)
	for i := range out {
		if out[i].Mirror {
			out[i].Weight = 0
		}
	}
	return out
}

// weights returns the share of each service; if no service has a weight, all shares are equal.
func (p *proxy) weights(services []contourv1.Service, at path) ([]uint32, bool) {
	f := subCondition{report.TypeService, report.ServiceWeightInvalid}
	weights := make([]int64, len(services))
	for i, s := range services {
		weights[i] = s.Weight
	}
	shares, index, problem := validate.Weights(weights)
	switch {
	case problem != "" && index < 0:
		p.errorf(f, at, "The weights %s.", problem)
		return nil, false
	case problem != "":
		p.errorf(f, at.at(index).dot("weight"), "The weight %d %s.", weights[index], problem)
		return nil, false
	case !slices.ContainsFunc(shares, func(n uint32) bool { return n > 0 }):
		for i := range shares {
			shares[i] = 1
		}
	}
	return shares, true
}

// cluster resolves the port of a Service and its protocol; tuning are the settings of the route. t is the type of the diagnostic if the Service cannot be resolved.
func (p *proxy) cluster(spec *contourv1.Service, at path, t report.Type, tuning ir.Tuning) (ir.Cluster, availability) {
	if problem := validate.Port(spec.Port); problem != "" {
		p.errorf(subCondition{report.TypeService, report.ServicePortInvalid}, at.dot("port"), "The port %d %s.", spec.Port, problem)
		return ir.Cluster{}, missing
	}
	name := kobj.Name{Namespace: p.key.Namespace, Name: spec.Name}
	port, failure := p.env.Ref.Service(p.reader, name, int32(spec.Port))
	if failure != nil {
		p.errorf(subCondition{t, report.ServiceUnresolvedReference}, at, "%s", failure.Message)
	}
	protocol, ok := p.protocol(spec, at, port.Protocol)
	if !ok {
		return ir.Cluster{}, invalid
	}
	if failure != nil {
		return ir.Cluster{}, missing
	}
	if port.Warning != "" {
		p.warnf(subCondition{t, report.ServiceUnresolvedReference}, at, "%s", port.Warning)
	}
	c := port.Cluster()
	tls, v := p.upstreamTLS(spec.UpstreamValidation, at.dot("validation"), protocol)
	if checks := p.setHealthPort(&tuning.Health, spec, at, t); v == usable {
		v = checks
	}
	c.Protocol, c.TLS, c.Tuning, c.SNI = protocol, tls, ir.Intern(tuning), ""
	if protocol.UsesTLS() {
		c.SNI = port.ServerName()
	}
	if failure := p.env.Ref.ShowCertificate(p.reader, &c); failure != nil {
		p.errorf(subCondition{report.TypeTLS, report.SecretNotValid}, at, "%s", failure.Message)
		return ir.Cluster{}, missing
	}
	return c, v
}

// protocol returns the protocol of the proxy, if it is set, else the protocol of the Service.
func (p *proxy) protocol(spec *contourv1.Service, at path, ofService ir.Protocol) (ir.Protocol, bool) {
	if spec.Protocol == nil {
		return ofService, true
	}
	switch *spec.Protocol {
	case "h2":
		return ir.ProtocolH2, true
	case "h2c":
		return ir.ProtocolH2C, true
	case "tls":
		return ir.ProtocolTLS, true
	}
	p.errorf(subCondition{report.TypeService, report.UnsupportedProtocol}, at.dot("protocol"),
		"The protocol %s is not one of h2, h2c and tls.", quoted(*spec.Protocol))
	return 0, false
}

// upstreamTLS returns the verification of the certificate of the service; zero if there is none.
func (p *proxy) upstreamTLS(v *contourv1.UpstreamValidation, at path, protocol ir.Protocol) (ir.UpstreamTLS, availability) {
	if v == nil {
		return ir.UpstreamTLS{}, usable
	}
	if !protocol.UsesTLS() {
		p.warnf(subCondition{report.TypeService, report.IgnoredField}, at, "The validation has no effect, because the protocol of the service is not tls or h2.")
		return ir.UpstreamTLS{}, usable
	}
	names, ok := p.subjectNames(v, at)
	if !ok {
		return ir.UpstreamTLS{}, invalid
	}
	ca := ref.SecretName(p.key.Namespace, v.CACertificate)
	switch failure := p.env.Ref.CASecret(p.reader, p.key.Namespace, ca); {
	case failure == nil:
		return ir.UpstreamTLS{CA: ca, Names: ir.NewList(names...)}, usable
	case failure.Problem == ref.NotPermitted:
		p.errorf(subCondition{report.TypeTLS, report.CACertificateNotDelegated}, at.dot("caSecret"), "%s", failure.Message)
	default:
		p.errorf(subCondition{report.TypeService, report.TLSUpstreamValidation}, at.dot("caSecret"), "%s", failure.Message)
	}
	return ir.UpstreamTLS{}, missing
}

// subjectNames returns the names of which the certificate must contain one.
func (p *proxy) subjectNames(v *contourv1.UpstreamValidation, at path) ([]string, bool) {
	names, field, message := validate.SubjectNames(v.SubjectName, v.SubjectNames, quoted)
	if message != "" {
		p.errorf(subCondition{report.TypeService, report.TLSUpstreamValidation}, at.dot(field), "%s", message)
	}
	return names, message == ""
}
