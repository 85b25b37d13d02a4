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

// availability is whether a service can be used.
type availability uint8

const (
	usable  availability = iota
	missing              // an object that it refers to does not exist: the other services receive its share
	invalid              // its own settings cannot be used: nothing is served
)

// backends is where the requests of the route go; none if no service with a share of them can be had.
func (b *builder) backends(idle ir.Timeout, host *ir.HostRewrite) []ir.Backend {
	at := b.at.dot("services")
	weights, ok := b.weights(zeroMirrorWeights(b.spec.Services), at)
	if !ok {
		b.invalid = true
		return nil
	}
	if !slices.ContainsFunc(b.spec.Services, func(s contourv1.Service) bool { return !s.Mirror }) {
		b.reject(subCondition{report.TypeRoute, report.RouteActionCountNotValid}, at, "All services are mirrors, which answer no requests.")
		return nil
	}
	var out []ir.Backend
	for i := range b.spec.Services {
		spec := &b.spec.Services[i]
		b.reportUnsupportedService(spec, at.at(i))
		if spec.Mirror {
			continue
		}
		backend, v := b.backend(spec, at.at(i), host)
		switch v {
		case usable:
			backend.Weight = weights[i]
			backend.Cluster.Idle = idle
			out = append(out, backend)
		case invalid:
			b.invalid = true
		case missing:
		}
	}
	return withWeight(out)
}

// withWeight is the backends if at least one of them has a weight, else none.
func withWeight(backends []ir.Backend) []ir.Backend {
	if slices.ContainsFunc(backends, func(b ir.Backend) bool { return b.Weight > 0 }) {
		return backends
	}
	return nil
}

// backend is one service of the route, with the changes to headers that are for it alone.
func (b *builder) backend(spec *contourv1.Service, at path, host *ir.HostRewrite) (ir.Backend, availability) {
	known := variables{namespace: b.key.Namespace, service: spec.Name, port: spec.Port}
	request, own := b.headers(headerPolicy{
		spec: spec.RequestHeadersPolicy, at: at.dot("requestHeadersPolicy"), request: true, literalHost: true,
		condition: subCondition{report.TypeService, report.RequestHeadersPolicyInvalid}, known: known,
	})
	response, _ := b.headers(headerPolicy{
		spec: spec.ResponseHeadersPolicy, at: at.dot("responseHeadersPolicy"),
		condition: subCondition{report.TypeService, report.ResponseHeadersPolicyInvalid}, known: known,
	})
	out := ir.Backend{RequestHeaders: request, ResponseHeaders: response}
	if own != nil {
		out.Host, host = own.Literal, own
	}
	cluster, v := b.cluster(spec, at, report.TypeService)
	if host != nil && speaksTLS(cluster.Protocol) {
		cluster.SNI = validate.ServerName(host.Literal)
	}
	out.Cluster = cluster
	return out, v
}

// zeroMirrorWeights is the services with the weights that are shares: that of a mirror is something else.
func zeroMirrorWeights(services []contourv1.Service) []contourv1.Service {
	out := slices.Clone(services)
	for i := range out {
		if out[i].Mirror {
			out[i].Weight = 0
		}
	}
	return out
}

// weights is the share of each service; where no weight is given all shares are equal.
func (p *proxy) weights(services []contourv1.Service, at path) ([]uint32, bool) {
	f := subCondition{report.TypeService, report.ServiceWeightInvalid}
	written := make([]int64, len(services))
	for i, s := range services {
		written[i] = s.Weight
	}
	shares, bad, problem := validate.Weights(written)
	switch {
	case problem != "" && bad < 0:
		p.errorf(f, at, "The weights %s.", problem)
		return nil, false
	case problem != "":
		p.errorf(f, at.at(bad).dot("weight"), "The weight %d %s.", written[bad], problem)
		return nil, false
	case !slices.ContainsFunc(shares, func(n uint32) bool { return n > 0 }):
		for i := range shares {
			shares[i] = 1
		}
	}
	return shares, true
}

// cluster is the port of a Service that is named, and its protocol. A Service that does not exist is reported as of type t.
func (p *proxy) cluster(spec *contourv1.Service, at path, t report.Type) (ir.Cluster, availability) {
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
	c := port.Cluster()
	tls, v := p.upstreamTLS(spec.UpstreamValidation, at.dot("validation"), protocol)
	c.Protocol, c.TLS = protocol, tls
	return c, v
}

// protocol is the protocol field of the proxy, else the protocol of the Service.
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

func speaksTLS(p ir.Protocol) bool { return p == ir.ProtocolTLS || p == ir.ProtocolH2 }

// upstreamTLS is how the certificate of the service is verified; zero if it is not.
func (p *proxy) upstreamTLS(v *contourv1.UpstreamValidation, at path, protocol ir.Protocol) (ir.UpstreamTLS, availability) {
	if v == nil {
		return ir.UpstreamTLS{}, usable
	}
	if !speaksTLS(protocol) {
		p.warnf(subCondition{report.TypeService, report.IgnoredField}, at, "Nothing is verified, because the service is not spoken to by TLS.")
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

// subjectNames is the names of which the certificate has to be for one.
func (p *proxy) subjectNames(v *contourv1.UpstreamValidation, at path) ([]string, bool) {
	const most, longest = 8, 250
	f := subCondition{report.TypeService, report.TLSUpstreamValidation}
	names := slices.Clone(v.SubjectNames)
	if len(names) == 0 {
		names = []string{v.SubjectName}
	}
	switch {
	case v.SubjectName == "":
		p.errorf(f, at.dot("subjectName"), "The name that the certificate has to be for is empty.")
	case len(names) > most:
		p.errorf(f, at.dot("subjectNames"), "There are %d subject names, more than %d.", len(names), most)
	case names[0] != v.SubjectName:
		p.errorf(f, at.dot("subjectNames").at(0), "The first name %s is not subjectName %s.", quoted(names[0]), quoted(v.SubjectName))
	default:
		for i, n := range names {
			if n == "" || len(n) > longest || !validate.IsText(n) {
				p.errorf(f, at.dot("subjectNames").at(i), "%s is not the name of a subject.", quoted(n))
				return nil, false
			}
		}
		return names, true
	}
	return nil, false
}
