package ref

import (
	"fmt"
	"maps"
	"net/netip"
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
	// WebSocket: the appProtocol says that the port speaks WebSocket.
	WebSocket bool
	Affine    bool   // the Service has a sessionAffinity
	Host      string // the name of an ExternalName Service; "" for other Services
	Warning   string // one sentence about the Service, for the author of the reference; "" if there is none
}

// Cluster returns the cluster of the port with the settings of the Service.
func (p ServicePort) Cluster() ir.Cluster {
	c := ir.Cluster{
		Endpoints: ir.EndpointKey{Service: p.Service, Port: p.Name}, Port: p.Number, Protocol: p.Protocol,
	}
	if p.Protocol.UsesTLS() {
		c.SNI = p.ServerName()
	}
	return c
}

// ServerName returns the server name for TLS connections to the name of an ExternalName Service; "" for an address, and for
// other Services.
func (p ServicePort) ServerName() string {
	if _, err := netip.ParseAddr(p.Host); err == nil {
		return ""
	}
	return p.Host
}

// Service returns a port of a Service by its number.
func (x *Resolver) Service(r *memo.Reader, n kobj.Name, port int32) (ServicePort, *Failure) {
	return x.services.Get(r, n).find(n, strconv.Itoa(int(port)), func(s *servicePorts) (int, bool) {
		return s.numbered(port)
	})
}

// UDPService returns a port of a Service for UDP by its number.
func (x *Resolver) UDPService(r *memo.Reader, n kobj.Name, port int32) (ServicePort, *Failure) {
	s := x.services.Get(r, n)
	if s.failure != nil {
		return ServicePort{}, s.failure
	}
	name, ok := s.udp[port]
	if !ok {
		return ServicePort{}, failure(NotFound, "Service %q has no UDP port \"%d\".", n, port)
	}
	return ServicePort{Service: n, Number: port, Name: name}, nil
}

// ServiceNamed returns a port of a Service by its name.
func (x *Resolver) ServiceNamed(r *memo.Reader, n kobj.Name, port string) (ServicePort, *Failure) {
	return x.services.Get(r, n).find(n, port, func(s *servicePorts) (int, bool) {
		return s.named(port)
	})
}

// Usable returns why no port of a Service can be used; nil if some can.
func (x *Resolver) Usable(r *memo.Reader, n kobj.Name) *Failure { return x.services.Get(r, n).failure }

// Forward returns the value of routes that forward to a port without further settings, which they share; nil if the port
// cannot be used.
func (x *Resolver) Forward(r *memo.Reader, n kobj.Name, port int32) *ir.Forward {
	s := x.services.Get(r, n)
	if i, ok := s.numbered(port); ok {
		return s.forwards[i]
	}
	return nil
}

// ManyEndpoints returns the number of endpoints of a Service with many of them, rounded up; 0 if there are few.
func (x *Resolver) ManyEndpoints(r *memo.Reader, n kobj.Name) int {
	return x.services.Get(r, n).endpoints
}

// servicePorts is the ports of a Service. It is derived once for a Service, so that the number of its ports and the size of
// its annotations do not count for each reference, and a root has one dependency for all that it needs of a Service.
type servicePorts struct {
	external  bool             // the Service is of type ExternalName
	failure   *Failure         // why none can be used
	ports     []ServicePort    // for TCP
	udp       map[int32]string // the names of ports for UDP, by number
	forwards  []*ir.Forward    // by port; a function of ports
	endpoints int
	byNumber  map[int32]int // nil if there are few ports
	byName    map[string]int
}

// fewPorts is the number of ports up to which a list is searched.
const fewPorts = 8

func (s servicePorts) equal(o servicePorts) bool {
	return s.external == o.external && equalFailure(s.failure, o.failure) && s.endpoints == o.endpoints && slices.Equal(s.ports, o.ports) && maps.Equal(s.udp, o.udp)
}

// numbered returns the index of the first port with a number.
func (s *servicePorts) numbered(port int32) (int, bool) {
	if s.byNumber != nil {
		i, ok := s.byNumber[port]
		return i, ok
	}
	i := slices.IndexFunc(s.ports, func(p ServicePort) bool { return p.Number == port })
	return i, i >= 0
}

// named returns the index of the first port with a name.
func (s *servicePorts) named(port string) (int, bool) {
	if s.byName != nil {
		i, ok := s.byName[port]
		return i, ok
	}
	i := slices.IndexFunc(s.ports, func(p ServicePort) bool { return p.Name == port })
	return i, i >= 0
}

// index makes the maps of a Service with many ports.
func (s *servicePorts) index() {
	if len(s.ports) <= fewPorts {
		return
	}
	s.byNumber, s.byName = map[int32]int{}, map[string]int{}
	for i, p := range slices.Backward(s.ports) { // the first one of a number or name is found
		s.byNumber[p.Number], s.byName[p.Name] = i, i
	}
}

// find returns the port at the index that of returns.
func (s servicePorts) find(n kobj.Name, asked string, of func(*servicePorts) (int, bool)) (ServicePort, *Failure) {
	if s.failure != nil {
		return ServicePort{}, s.failure
	}
	i, ok := of(&s)
	if !ok {
		return ServicePort{}, failure(NotFound, "Service %q has no TCP port %q.", n, asked)
	}
	return s.ports[i], nil
}

func (x *Resolver) addServices(e *memo.Engine) {
	x.services = memo.NewTable(e, memo.Options[kobj.Name, servicePorts]{
		Name: "ref/service", Derive: x.deriveService, Equal: servicePorts.equal,
	})
}

func (x *Resolver) deriveService(r *memo.Reader, n kobj.Name) servicePorts {
	svc, ok := x.store.Services.Get(r, n)
	if !ok {
		return servicePorts{failure: failure(NotFound, "Service %q does not exist.", n)}
	}
	out := servicePorts{external: svc.Spec.Type == corev1.ServiceTypeExternalName}
	var host, warning string
	if out.external {
		if host, out.failure = x.externalHost(r, n, svc); out.failure != nil {
			return out
		}
		if problem := x.unresolved(r, n); problem != "" {
			warning = fmt.Sprintf("The externalName %q of Service %q %s.", host, n, problem)
		}
	} else {
		out.endpoints, _ = x.store.ManyEndpoints.Get(r, n)
	}
	annotated := annotatedProtocols(svc)
	for i := range svc.Spec.Ports {
		p := &svc.Spec.Ports[i]
		if p.Protocol == corev1.ProtocolUDP {
			out.addUDP(p)
		}
		if !tcp(p) {
			continue
		}
		port := ServicePort{
			Service: n, Number: p.Port, Name: p.Name, Protocol: protocol(p, annotated), Host: host, Warning: warning,
			Affine:    svc.Spec.SessionAffinity == corev1.ServiceAffinityClientIP,
			WebSocket: p.AppProtocol != nil && (*p.AppProtocol == "kubernetes.io/ws" || *p.AppProtocol == "kubernetes.io/wss"),
		}
		out.ports = append(out.ports, port)
		out.forwards = append(out.forwards, &ir.Forward{Backends: []ir.Backend{{Weight: 1, Cluster: port.Cluster()}}})
	}
	out.index()
	return out
}

// addUDP adds a port for UDP; of several with a number the first one is used.
func (s *servicePorts) addUDP(p *corev1.ServicePort) {
	if s.udp == nil {
		s.udp = map[int32]string{}
	}
	if _, known := s.udp[p.Port]; !known {
		s.udp[p.Port] = p.Name
	}
}

func tcp(p *corev1.ServicePort) bool { return p.Protocol == "" || p.Protocol == corev1.ProtocolTCP }

// protocol returns the protocol of the port: by appProtocol alone if it is set, as in Contour, and HTTP/1.1 for one that is not
// known; else by the annotations, of which those that list the name of the port take precedence over those with its number.
func protocol(p *corev1.ServicePort, annotated map[string]ir.Protocol) ir.Protocol {
	if p.AppProtocol != nil {
		switch *p.AppProtocol {
		case "kubernetes.io/h2c":
			return ir.ProtocolH2C
		case "https", "kubernetes.io/wss":
			return ir.ProtocolTLS
		}
		return ir.ProtocolHTTP1
	}
	if byName, ok := annotated[p.Name]; ok {
		return byName
	}
	return annotated[strconv.Itoa(int(p.Port))]
}

// annotatedProtocols is the protocol of each port, by name or number, that annotations of the Service list: of a port that several
// list tls, else h2c, as in Contour.
func annotatedProtocols(svc *corev1.Service) map[string]ir.Protocol {
	out := map[string]ir.Protocol{}
	for _, a := range []struct {
		name     string
		protocol ir.Protocol
	}{{"h2", ir.ProtocolH2}, {"h2c", ir.ProtocolH2C}, {"tls", ir.ProtocolTLS}} {
		for item := range strings.SplitSeq(svc.Annotations["projectcontour.io/upstream-protocol."+a.name], ",") {
			if item = strings.TrimSpace(item); item != "" {
				out[item] = a.protocol
			}
		}
	}
	return out
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

// count reads a number from an annotation of the Service; what is no number, or a long text, counts as unset.
func count(svc *corev1.Service, name string) uint32 {
	const longest = 64
	text := svc.Annotations[fmt.Sprintf("projectcontour.io/%s", name)]
	if len(text) > longest {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
