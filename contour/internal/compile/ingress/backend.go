package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// route returns a route without its match. A route whose backend is invalid answers with an error:
// 500 if the kind of the backend is not supported, 503 if the Service or its port does not exist.
func (b *builder) route(field, path string, be *networkingv1.IngressBackend) ir.Route {
	r := ir.Route{Origin: b.key}
	if be.Resource != nil || be.Service == nil {
		b.fail(report.BackendNotSupported, field, "The backend is not a Service; its requests are answered with 500.")
		r.Direct = &ir.Direct{Code: 500}
		return r
	}
	port, ok := b.servicePort(field+".service", be.Service)
	if !ok {
		r.Direct = &ir.Direct{Code: 503}
		return r
	}
	if port.Warning != "" {
		b.warn(report.ServiceUnresolvedReference, field+".service", "%s", port.Warning)
	}
	cluster := port.Cluster()
	if f := b.env.Ref.ShowCertificate(b.reader, &cluster); f != nil {
		b.fail(report.SecretNotValid, field+".service", "%s", f.Message)
		r.Direct = &ir.Direct{Code: 503}
		return r
	}
	r.Forward = b.forward(path, cluster)
	return r
}

func (b *builder) servicePort(field string, s *networkingv1.IngressServiceBackend) (ref.ServicePort, bool) {
	name := kobj.Name{Namespace: b.key.Namespace, Name: s.Name}
	if s.Port.Name == "" && validate.Port(s.Port.Number) != "" {
		b.fail(report.ServicePortInvalid, field+".port", "Port %d is outside 1-65535; the requests are answered with 503.", s.Port.Number)
		return ref.ServicePort{}, false
	}
	port, f := b.lookUp(name, s.Port)
	if f != nil {
		b.fail(report.ServiceUnresolvedReference, field, "%s", f.Message)
	}
	return port, f == nil
}

func (b *builder) lookUp(name kobj.Name, port networkingv1.ServiceBackendPort) (ref.ServicePort, *ref.Failure) {
	if port.Name != "" {
		return b.env.Ref.ServiceNamed(b.reader, name, port.Name)
	}
	return b.env.Ref.Service(b.reader, name, port.Number)
}

func (b *builder) forward(path string, to ir.Cluster) *ir.Forward {
	return &ir.Forward{
		Backends:  []ir.Backend{{Weight: 1, Cluster: to}},
		Timeout:   b.settings.timeout,
		Retry:     b.settings.retry,
		Websocket: b.settings.websockets[path],
	}
}
