// Package endpoint converts the EndpointSlices of one Service port into one
// ClusterLoadAssignment, so that a change of a pod costs exactly that message.
//
// Input: the slices as in the API, in any order, and the name of the port.
// Output: the same message for the same endpoints, independent of their order and of how they
// are distributed over slices. Addresses that Envoy cannot use are left out, because one
// of them would make Envoy reject the whole message. So are those that lead elsewhere than to a backend: an author who may write
// EndpointSlices would reach with them what only Envoy reaches, such as the metadata service of a cloud.
//
// All endpoints share one locality: Envoy then gives each the same share of the
// requests. The package is pure and modifies nothing that it is given.
package endpoint

import (
	"cmp"
	"net/netip"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/ir"
)

// Port is a port of a Service.
type Port struct {
	Name     string // "" if it has none
	Slices   []*discoveryv1.EndpointSlice
	Settings ir.EndpointSettings
	Checked  string // the name of the port for health checks; "": that of the endpoint
	UDP      bool   // the port is for UDP, otherwise for TCP
}

// Assignment is the endpoints behind a port of a Service, under the given EDS name.
//
// An endpoint is used if it is ready; an unset condition counts as ready. If none is ready, those
// that terminate and still serve are used instead, so that the last pod of a Service can finish its requests: they are
// sent without a health status, because Envoy sends no requests to endpoints marked as draining. Without any
// endpoint the message is empty, never nil.
func Assignment(name string, of Port) *endpointv3.ClusterLoadAssignment {
	cla := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	if used := of.used(); len(used) > 0 {
		cla.Endpoints = []*endpointv3.LocalityLbEndpoints{{LbEndpoints: lbEndpoints(used)}}
	}
	return cla
}

// used returns the addresses of the endpoints that are used.
func (p Port) used() addresses {
	found := p.collect()
	if ready := found[ready]; len(ready) > 0 {
		return ready
	}
	return found[draining]
}

// readiness is whether an endpoint may get requests.
type readiness uint8

const (
	unusable readiness = iota
	draining           // terminating, but still serving
	ready
)

// readinessOf applies the defaults of the EndpointSlice API for unset conditions.
func readinessOf(c discoveryv1.EndpointConditions) readiness {
	isReady := c.Ready == nil || *c.Ready
	serving := isReady
	if c.Serving != nil {
		serving = *c.Serving
	}
	switch terminating := c.Terminating != nil && *c.Terminating; {
	case isReady:
		return ready
	case serving && terminating:
		return draining
	}
	return unusable
}

// collect finds the addresses of each readiness.
func (p Port) collect() (found [ready + 1]addresses) {
	total := 0
	for _, s := range p.Slices {
		if s != nil {
			total += len(s.Endpoints)
		}
	}
	found[ready] = make(addresses, 0, total) // most are
	for _, s := range p.Slices {
		if s == nil {
			continue
		}
		number, ok := p.number(p.Name, s.Ports)
		if !ok {
			continue
		}
		checked := uint16(0)
		if p.Checked != "" {
			checked, _ = p.number(p.Checked, s.Ports)
		}
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			if ip, ok := p.address(e.Addresses); ok {
				r := readinessOf(e.Conditions)
				found[r] = append(found[r], socket{netip.AddrPortFrom(ip, number), checked})
			}
		}
	}
	return found
}

// address returns the first address of an endpoint, as the EndpointSlice API asks its consumers to use it, and reports whether
// it may be that of a backend.
func (p Port) address(texts []string) (netip.Addr, bool) {
	if len(texts) == 0 {
		return netip.Addr{}, false
	}
	return p.usable(texts[0])
}

// usable reads an address and reports whether it may be that of a backend.
func (p Port) usable(text string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(text)
	return ip, err == nil && Permitted(ip, p.Settings)
}

// Permitted reports whether an address may be that of a backend, or of another server that an author of objects names.
func Permitted(ip netip.Addr, s ir.EndpointSettings) bool {
	if ip.Zone() != "" || ip.IsLoopback() && !s.Loopback || special(ip) {
		return false
	}
	if inner, ok := embedded(ip); ok && !Permitted(inner, ir.EndpointSettings{Denied: s.Denied}) {
		return false
	}
	return !slices.ContainsFunc(s.Denied, func(r netip.Prefix) bool { return r.Contains(ip) })
}

// embedded returns the IPv4 address to which a gateway of the network sends what is for an IPv6 address: that of the well-known prefix of
// NAT64 (RFC 6052), where the gateway may reach what the ranges of IPv4 addresses deny, and of 6to4 (RFC 3056).
// Prefixes of NAT64 that a network chooses itself are not known here.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return netip.Addr{}, false
	}
	bytes := ip.As16()
	switch {
	case [12]byte(bytes[:12]) == [12]byte{0, 0x64, 0xff, 0x9b}:
		return netip.AddrFrom4([4]byte(bytes[12:])), true
	case bytes[0] == 0x20 && bytes[1] == 0x02:
		return netip.AddrFrom4([4]byte(bytes[2:6])), true
	}
	return netip.Addr{}, false
}

// special reports whether an address is, whatever the network, not that of one other machine: unspecified (and the rest
// of 0.0.0.0/8), multicast, broadcast or link-local, or an IPv4 address in the form of an IPv6 address, which checks of the
// IPv4 address would miss.
func special(ip netip.Addr) bool {
	switch {
	case ip.IsMulticast(), ip.IsLinkLocalUnicast(), ip.IsUnspecified():
		return true
	case ip.Is4():
		first := ip.As4()
		return first[0] == 0 || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	}
	bytes := ip.As16()
	compatible := [12]byte(bytes[:12]) == [12]byte{} && !ip.IsLoopback() // ::/96, deprecated
	return ip.Is4In6() || compatible
}

// number is the number of the port called name in a slice: of the first one, if the slice is malformed.
func (p Port) number(name string, ports []discoveryv1.EndpointPort) (uint16, bool) {
	want := corev1.ProtocolTCP
	if p.UDP {
		want = corev1.ProtocolUDP
	}
	for _, p := range ports {
		if p.Port == nil || *p.Port < 1 || *p.Port > 65535 || protocolOf(p) != want || nameOf(p) != name {
			continue
		}
		return uint16(*p.Port), true
	}
	return 0, false
}

func protocolOf(p discoveryv1.EndpointPort) corev1.Protocol {
	if p.Protocol == nil {
		return corev1.ProtocolTCP
	}
	return *p.Protocol
}

func nameOf(p discoveryv1.EndpointPort) string {
	if p.Name == nil {
		return ""
	}
	return *p.Name
}

// socket is where an endpoint gets requests, and health checks.
type socket struct {
	netip.AddrPort
	checked uint16 // the port of health checks; 0: the same
}

// addresses is a list of sockets, in any order and with duplicates.
type addresses []socket

// distinct is each address once, in order. It changes a.
func (a addresses) distinct() addresses {
	slices.SortFunc(a, func(x, y socket) int {
		return cmp.Or(x.Addr().Compare(y.Addr()), cmp.Compare(x.Port(), y.Port()), cmp.Compare(x.checked, y.checked))
	})
	return slices.CompactFunc(a, func(x, y socket) bool { return x.AddrPort == y.AddrPort })
}

// lbEndpoints is the messages of each address once, in order.
func lbEndpoints(a addresses) []*endpointv3.LbEndpoint {
	a = a.distinct()
	out, all, texts := make([]*endpointv3.LbEndpoint, len(a)), make([]lbEndpoint, len(a)), textsOf(a)
	for i := range a {
		out[i] = all[i].set(texts[i], a[i])
	}
	return out
}

// lbEndpoint is the messages of an LbEndpoint. Those of a whole set are allocated at once: one of 10,000 endpoints took 80,000
// allocations, and twice the time (BenchmarkEncoded).
type lbEndpoint struct {
	lb       endpointv3.LbEndpoint
	host     endpointv3.LbEndpoint_Endpoint
	endpoint endpointv3.Endpoint
	address  corev3.Address
	either   corev3.Address_SocketAddress
	socket   corev3.SocketAddress
	port     corev3.SocketAddress_PortValue
}

func (m *lbEndpoint) set(address string, s socket) *endpointv3.LbEndpoint {
	m.port.PortValue = uint32(s.Port())
	m.socket.Address, m.socket.PortSpecifier = address, &m.port
	m.either.SocketAddress = &m.socket
	m.address.Address = &m.either
	m.endpoint.Address = &m.address
	if s.checked != 0 {
		m.endpoint.HealthCheckConfig = &endpointv3.Endpoint_HealthCheckConfig{PortValue: uint32(s.checked)}
	}
	m.host.Endpoint = &m.endpoint
	m.lb.HostIdentifier = &m.host
	return &m.lb
}

// textsOf is the texts of the addresses, which share one allocation.
func textsOf(a addresses) []string {
	var joined []byte
	ends := make([]int, len(a))
	for i := range a {
		joined = a[i].Addr().AppendTo(joined)
		ends[i] = len(joined)
	}
	all, start := string(joined), 0
	texts := make([]string, len(a))
	for i, end := range ends {
		texts[i], start = all[start:end], end
	}
	return texts
}
