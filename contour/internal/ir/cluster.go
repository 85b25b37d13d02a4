package ir

import (
	"cmp"
	"time"

	"contour.example/contour/internal/kobj"
)

// Protocol is what is spoken to a backend.
type Protocol uint8

// The protocols that a backend may speak.
const (
	ProtocolHTTP1 Protocol = iota // HTTP/1.1, plain; bytes as they are for TCP
	ProtocolH2C                   // HTTP/2, plain
	ProtocolTLS                   // HTTP/1.1 over TLS
	ProtocolH2                    // HTTP/2 over TLS
)

// Cluster is a port of a Service, spoken to in one way. It is comparable, and its own identity: two clusters with
// different settings are two clusters in Envoy. What changes in place is not part of it: the endpoints and the circuit
// breakers of the Service, and the ClusterSettings.
type Cluster struct {
	Endpoints EndpointKey
	Port      int32 // the Service's port number, for people who read names
	Protocol  Protocol
	TLS       UpstreamTLS // zero: no TLS, or TLS without verification when Protocol says TLS
	SNI       string      // server name sent with TLS; "" sends none
	Idle      Timeout     // of pooled connections
}

// UpstreamTLS says how the certificate of a backend is verified. The zero value verifies nothing.
type UpstreamTLS struct {
	CA    kobj.Name // the Secret with ca.crt
	Names List      // subject alternative names (DNS), any of which must match exactly
}

// ClusterSettings is what all clusters have in common. Limits are Envoy's defaults where they are 0.
type ClusterSettings struct {
	ConnectTimeout           time.Duration
	MaxRequestsPerConnection uint32
	BufferLimitBytes         uint32          // of a connection, a soft limit
	CircuitBreakers          CircuitBreakers // where a Service sets none
	TLS                      TLSSettings     // with backends
}

// CircuitBreakers limit what is under way to a cluster at once; zero stands for Envoy's default.
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

// Or is l with the limits of others where it has none.
func (l CircuitBreakers) Or(others CircuitBreakers) CircuitBreakers {
	return CircuitBreakers{
		MaxConnections:        cmp.Or(l.MaxConnections, others.MaxConnections),
		MaxPendingRequests:    cmp.Or(l.MaxPendingRequests, others.MaxPendingRequests),
		MaxRequests:           cmp.Or(l.MaxRequests, others.MaxRequests),
		MaxRetries:            cmp.Or(l.MaxRetries, others.MaxRetries),
		PerHostMaxConnections: cmp.Or(l.PerHostMaxConnections, others.PerHostMaxConnections),
	}
}
