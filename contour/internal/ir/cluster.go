package ir

import (
	"cmp"
	"math"
	"net/netip"
	"time"

	"contour.example/contour/internal/kobj"
)

// Protocol is the protocol of connections to a backend.
type Protocol uint8

// The protocols of backends.
const (
	ProtocolHTTP1 Protocol = iota // HTTP/1.1 without TLS; TCP without TLS
	ProtocolH2C                   // HTTP/2 without TLS
	ProtocolTLS                   // HTTP/1.1 over TLS
	ProtocolH2                    // HTTP/2 over TLS
)

// UsesTLS reports whether connections use TLS.
func (p Protocol) UsesTLS() bool { return p == ProtocolTLS || p == ProtocolH2 }

// Cluster is a port of a Service with connection settings. It is comparable and identifies an Envoy cluster: different
// settings are different clusters. The endpoints and circuit breakers of the Service and the ClusterSettings are not
// part of it and change in place.
type Cluster struct {
	Endpoints EndpointKey
	Port      int32 // the Service's port number, for readable names
	Protocol  Protocol
	TLS       UpstreamTLS // zero: no TLS, or TLS without verification if Protocol uses TLS
	SNI       string      // server name sent with TLS; "" sends none
	Tuning    Interned[Tuning]
}

// UpstreamTLS configures the verification of the certificate of a backend. The zero value, without Tuning.Authorities, verifies nothing.
type UpstreamTLS struct {
	CA    kobj.Name // the Secret with ca.crt, unless Tuning.Authorities says otherwise
	Names List      // subject alternative names (DNS), any of which, or of Tuning.Authorities.URIs, must match exactly
}

// ClusterSettings contains the settings of all clusters. Numbers are Envoy's defaults where they are 0.
type ClusterSettings struct {
	ConnectTimeout           time.Duration
	MaxRequestsPerConnection uint32
	BufferLimitBytes         uint32          // of a connection, a soft limit
	Windows                  Windows         // of HTTP/2
	CircuitBreakers          CircuitBreakers // where a Service sets none
	TLS                      TLSSettings     // with backends
}

// EndpointSettings says which addresses of endpoints are used. Addresses that lead nowhere or anywhere, such as those of
// multicast, never are.
type EndpointSettings struct {
	Loopback bool           // addresses of Envoy's own machine are used
	Denied   []netip.Prefix // ranges that are not used; masked, never of IPv4 addresses in IPv6 form
}

// CircuitBreakers limit the connections, requests and retries of a cluster; zero stands for Envoy's default.
type CircuitBreakers struct {
	MaxConnections        uint32
	MaxPendingRequests    uint32
	MaxRequests           uint32
	MaxRetries            uint32
	PerHostMaxConnections uint32
}

// EndpointKey is the identity of the set of endpoints behind one port of a Service.
type EndpointKey struct {
	Service kobj.Name
	Port    string // the port's name in the Service; "" if it has none
}

// WithDefaults returns c with the limits of defaults in place of those that are zero.
func (c CircuitBreakers) WithDefaults(defaults CircuitBreakers) CircuitBreakers {
	return CircuitBreakers{
		MaxConnections:        cmp.Or(c.MaxConnections, defaults.MaxConnections),
		MaxPendingRequests:    cmp.Or(c.MaxPendingRequests, defaults.MaxPendingRequests),
		MaxRequests:           cmp.Or(c.MaxRequests, defaults.MaxRequests),
		MaxRetries:            cmp.Or(c.MaxRetries, defaults.MaxRetries),
		PerHostMaxConnections: cmp.Or(c.PerHostMaxConnections, defaults.PerHostMaxConnections),
	}
}

// Lowest returns the lower of each limit of c and o.
func (c CircuitBreakers) Lowest(o CircuitBreakers) CircuitBreakers {
	const many, retries = 1024, 3 // Envoy's defaults
	return CircuitBreakers{
		MaxConnections:        lowest(c.MaxConnections, o.MaxConnections, many),
		MaxPendingRequests:    lowest(c.MaxPendingRequests, o.MaxPendingRequests, many),
		MaxRequests:           lowest(c.MaxRequests, o.MaxRequests, many),
		MaxRetries:            lowest(c.MaxRetries, o.MaxRetries, retries),
		PerHostMaxConnections: lowest(c.PerHostMaxConnections, o.PerHostMaxConnections, math.MaxUint32),
	}
}

// lowest returns the lower of two limits, where 0 stands for a default; 0 if both are 0.
func lowest(a, b, standard uint32) uint32 {
	if a == b {
		return a
	}
	return min(cmp.Or(a, standard), cmp.Or(b, standard))
}
