package ir

import "contour.example/contour/internal/kobj"

// ExtensionCluster is a service that Envoy itself calls, such as an authorization service, with connection settings. It is
// comparable and identifies an Envoy cluster, as Cluster does. Its endpoints are not part of it; its circuit breakers are, since Envoy
// resets the calls in flight when it replaces a cluster in place.
type ExtensionCluster struct {
	Object   kobj.Name // the ExtensionService
	Protocol Protocol
	TLS      UpstreamTLS // zero: no TLS, or TLS without verification if Protocol uses TLS
	SNI      string
	Idle     Timeout // of pooled connections
	Balance  ExtensionBalance
	// ClientCertificate is the Secret with the certificate that Envoy shows to the service if Protocol uses TLS; zero: none.
	ClientCertificate kobj.Name
	CircuitBreakers   CircuitBreakers
}

// ExtensionBalance is how calls are distributed over the endpoints of an ExtensionCluster.
type ExtensionBalance uint8

// The distributions.
const (
	ExtensionRoundRobin   ExtensionBalance = iota
	ExtensionRandom                        // any endpoint
	ExtensionLeastRequest                  // the one of two with fewer calls
)

// ExtensionTarget is the endpoints of a Service port and their share of the calls.
type ExtensionTarget struct {
	Endpoints EndpointKey
	Weight    uint32 // positive
}
