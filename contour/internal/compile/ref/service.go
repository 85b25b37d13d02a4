package ref

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// ServicePort is a port of a Service.
type ServicePort struct {
	Service  kobj.Name
	Number   int32
	Name     string      // the port's name in the Service; "" if it has none
	Protocol ir.Protocol // by appProtocol or annotation of the Service
}

// Cluster returns the cluster of the port with the settings of the Service.
func (p ServicePort) Cluster() ir.Cluster {
	return ir.Cluster{
		Endpoints: ir.EndpointKey{Service: p.Service, Port: p.Name}, Port: p.Number, Protocol: p.Protocol,
	}
}

// Service returns a port of a Service by its number.
func (x *Resolver) Service(r *memo.Reader, n kobj.Name, port int32) (ServicePort, *Failure) {
	return x.servicePort(r, n, strconv.Itoa(int(port)), func(p *corev1.ServicePort) bool { return p.Port == port })
}

// ServiceNamed returns a port of a Service by its name.
func (x *Resolver) ServiceNamed(r *memo.Reader, n kobj.Name, port string) (ServicePort, *Failure) {
	return x.servicePort(r, n, port, func(p *corev1.ServicePort) bool { return p.Name == port })
}

func (x *Resolver) servicePort(r *memo.Reader, n kobj.Name, port string, matches func(*corev1.ServicePort) bool) (ServicePort, *Failure) {
	svc, ok := x.store.Services.Get(r, n)
	if !ok {
		return ServicePort{}, failure(NotFound, "Service %q does not exist.", n)
	}
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return ServicePort{}, failure(NotPermitted, "Service %q is of type ExternalName, which is not enabled.", n)
	}
	i := slices.IndexFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return tcp(&p) && matches(&p) })
	if i < 0 {
		return ServicePort{}, failure(NotFound, "Service %q has no TCP port %q.", n, port)
	}
	p := &svc.Spec.Ports[i]
	return ServicePort{Service: n, Number: p.Port, Name: p.Name, Protocol: protocol(svc, p)}, nil
}

func tcp(p *corev1.ServicePort) bool { return p.Protocol == "" || p.Protocol == corev1.ProtocolTCP }

// protocol returns the protocol of the port: by appProtocol, else by the annotations.
// An unknown appProtocol is ignored.
func protocol(svc *corev1.Service, p *corev1.ServicePort) ir.Protocol {
	if p.AppProtocol != nil {
		switch *p.AppProtocol {
		case "kubernetes.io/h2c":
			return ir.ProtocolH2C
		case "https":
			return ir.ProtocolTLS
		case "http", "kubernetes.io/ws":
			return ir.ProtocolHTTP1
		}
	}
	for _, a := range []struct {
		name     string
		protocol ir.Protocol
	}{{"h2", ir.ProtocolH2}, {"h2c", ir.ProtocolH2C}, {"tls", ir.ProtocolTLS}} {
		if lists(svc.Annotations["projectcontour.io/upstream-protocol."+a.name], p) {
			return a.protocol
		}
	}
	return ir.ProtocolHTTP1
}

// lists reports whether a comma-separated list names the port, by name or number.
func lists(list string, p *corev1.ServicePort) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item != "" && (item == p.Name || item == strconv.Itoa(int(p.Port))) {
			return true
		}
	}
	return false
}

// CircuitBreakers returns the circuit breakers of the annotations of a Service; zero if the Service does not exist.
func (x *Resolver) CircuitBreakers(r *memo.Reader, n kobj.Name) ir.CircuitBreakers {
	svc, ok := x.store.Services.Get(r, n)
	if !ok {
		return ir.CircuitBreakers{}
	}
	return ir.CircuitBreakers{
		MaxConnections:        count(svc, "max-connections"),
		MaxPendingRequests:    count(svc, "max-pending-requests"),
		MaxRequests:           count(svc, "max-requests"),
		MaxRetries:            count(svc, "max-retries"),
		PerHostMaxConnections: count(svc, "per-host-max-connections"),
	}
}

// count returns the number in an annotation of the Service, 0 if it is not a number.
func count(svc *corev1.Service, name string) uint32 {
	n, err := strconv.ParseUint(strings.TrimSpace(svc.Annotations[fmt.Sprintf("projectcontour.io/%s", name)]), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
