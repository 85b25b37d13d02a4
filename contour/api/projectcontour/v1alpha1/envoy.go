package v1alpha1

// EnvoyConfig contains the settings of Envoys other than routes.
type EnvoyConfig struct {
	// Settings of all listeners.
	// +optional
	Listener *EnvoyListenerConfig `json:"listener,omitempty"`
	// The Service whose address becomes the status of Ingresses and
	// HTTPProxies; projectcontour/envoy if unset.
	// +optional
	Service *NamespacedName `json:"service,omitempty"`
	// Listener for HTTP; 0.0.0.0:8080 if unset.
	// +optional
	HTTPListener *EnvoyListener `json:"http,omitempty"`
	// Listener for HTTPS; 0.0.0.0:8443 if unset.
	// +optional
	HTTPSListener *EnvoyListener `json:"https,omitempty"`
	// The health endpoint of Envoy; 0.0.0.0:8002 if unset.
	// +optional
	Health *HealthConfig `json:"health,omitempty"`
	// A second health endpoint, which fails while Envoy sheds load.
	// +optional
	OMEnforcedHealth *HealthConfig `json:"omEnforcedHealth,omitempty"`
	// The metrics endpoint of Envoy; 0.0.0.0:8002 if unset.
	// +optional
	Metrics *MetricsConfig `json:"metrics,omitempty"`
	// Secret with the certificate that Envoy shows to Services over TLS.
	// +optional
	ClientCertificate *NamespacedName `json:"clientCertificate,omitempty"`
	// The contents of the access log.
	// +optional
	Logging *EnvoyLogging `json:"logging,omitempty"`
	// The HTTP versions that clients may use; both if empty.
	// +optional
	DefaultHTTPVersions []HTTPVersionType `json:"defaultHTTPVersions,omitempty"`
	// Limits of time.
	// +optional
	Timeouts *TimeoutParameters `json:"timeouts,omitempty"`
	// Settings of all clusters.
	// +optional
	Cluster *ClusterParameters `json:"cluster,omitempty"`
	// Settings of the network.
	// +optional
	Network *NetworkParameters `json:"network,omitempty"`
	// Values of Envoy's runtime, by key. Keys that the controller sets itself
	// are ignored.
	// +optional
	RuntimeSettings map[string]string `json:"runtimeSettings,omitempty"`
}

// HTTPVersionType is a version of HTTP.
type HTTPVersionType string

// The versions of HTTP that clients may use.
const (
	HTTPVersion1 HTTPVersionType = "HTTP/1.1"
	HTTPVersion2 HTTPVersionType = "HTTP/2"
)

// EnvoyListener is the address and log of a listener.
type EnvoyListener struct {
	// Address to listen on; 0.0.0.0 if empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Address string `json:"address,omitempty"`
	// Port to listen on.
	// +optional
	Port int `json:"port,omitempty"`
	// File of the access log; /dev/stdout if empty.
	// +optional
	AccessLog string `json:"accessLog,omitempty"`
}

// EnvoyListenerConfig contains settings of all listeners.
type EnvoyListenerConfig struct {
	// Expects the PROXY protocol on every connection; false if unset.
	// +optional
	UseProxyProto *bool `json:"useProxyProtocol,omitempty"`
	// Rejects requests with both Content-Length and chunked encoding; false if
	// unset.
	// +optional
	DisableAllowChunkedLength *bool `json:"disableAllowChunkedLength,omitempty"`
	// Keeps adjacent slashes in paths apart; false if unset.
	// +optional
	DisableMergeSlashes *bool `json:"disableMergeSlashes,omitempty"`
	// What happens to the header server of responses: overwrite,
	// append_if_absent or pass_through; overwrite if empty.
	// +optional
	ServerHeaderTransformation ServerHeaderTransformationType `json:"serverHeaderTransformation,omitempty"`
	// Set to exact, spreads connections evenly over Envoy's threads.
	// +optional
	ConnectionBalancer string `json:"connectionBalancer,omitempty"`
	// Requests after which a client's connection is closed; no limit if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxRequestsPerConnection *uint32 `json:"maxRequestsPerConnection,omitempty"`
	// Soft limit in bytes of the buffers of a connection; 1 MiB if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	PerConnectionBufferLimitBytes *uint32 `json:"per-connection-buffer-limit-bytes,omitempty"`
	// TLS with clients.
	// +optional
	TLS *EnvoyListenerTLS `json:"tls,omitempty"`
	// Options of the sockets.
	// +optional
	SocketOptions *SocketOptions `json:"socketOptions,omitempty"`
	// Requests that are taken from one connection before others get a turn; no
	// limit if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxRequestsPerIOCycle *uint32 `json:"maxRequestsPerIOCycle,omitempty"`
	// Requests at a time on one HTTP/2 connection; Envoy's default if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	HTTP2MaxConcurrentStreams *uint32 `json:"httpMaxConcurrentStreams,omitempty"`
	// Connections at a time of each listener; no limit if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxConnectionsPerListener *uint32 `json:"maxConnectionsPerListener,omitempty"`
	// Connections that are accepted per wake-up; Envoy's default if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxConnectionsToAcceptPerSocketEvent *uint32 `json:"maxConnectionsToAcceptPerSocketEvent,omitempty"`
	// Compression of responses; gzip if unset.
	// +optional
	Compression *EnvoyCompression `json:"compression,omitempty"`
}

// ServerHeaderTransformationType is what happens to the header server.
type ServerHeaderTransformationType string

const (
	// OverwriteServerHeader sets it to envoy.
	OverwriteServerHeader ServerHeaderTransformationType = "overwrite"
	// AppendIfAbsentServerHeader sets it to envoy where the Service sets none.
	AppendIfAbsentServerHeader ServerHeaderTransformationType = "append_if_absent"
	// PassThroughServerHeader leaves it as the Service sends it.
	PassThroughServerHeader ServerHeaderTransformationType = "pass_through"
)

// CompressionAlgorithm is how responses are compressed.
//
// +kubebuilder:validation:Enum=gzip;brotli;zstd;disabled
type CompressionAlgorithm string

// The compression algorithms.
const (
	GzipCompression     CompressionAlgorithm = "gzip"
	BrotliCompression   CompressionAlgorithm = "brotli"
	ZstdCompression     CompressionAlgorithm = "zstd"
	DisabledCompression CompressionAlgorithm = "disabled"
)

// EnvoyCompression is the compression of responses.
type EnvoyCompression struct {
	// The algorithm, or disabled; gzip if empty.
	// +optional
	Algorithm CompressionAlgorithm `json:"algorithm,omitempty"`
}

// SocketOptions marks the packets that Envoy sends to clients. 0 leaves the
// system's default.
type SocketOptions struct {
	// The type-of-service octet of IPv4.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=255
	TOS int32 `json:"tos,omitempty"`
	// The traffic class octet of IPv6.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=255
	TrafficClass int32 `json:"trafficClass,omitempty"`
}

// EnvoyTLS contains the parameters of TLS connections.
type EnvoyTLS struct {
	// Lowest version: 1.2 or 1.3; 1.2 if empty.
	// +optional
	MinimumProtocolVersion string `json:"minimumProtocolVersion,omitempty"`
	// Highest version: 1.2 or 1.3; 1.3 if empty.
	// +optional
	MaximumProtocolVersion string `json:"maximumProtocolVersion,omitempty"`
	// Cipher suites of TLS 1.2, in BoringSSL's names.
	// +optional
	CipherSuites []string `json:"cipherSuites,omitempty"`
	// Curves of the key exchange, in order of preference.
	// +optional
	ECDHCurves []string `json:"ecdhCurves,omitempty"`
}

// EnvoyListenerTLS contains the parameters of TLS connections with clients.
type EnvoyListenerTLS struct {
	EnvoyTLS `json:",inline"`

	// Computes fingerprints of clients for the access log.
	// +optional
	Fingerprint *TLSFingerprint `json:"fingerprint,omitempty"`
}

// TLSFingerprint selects the fingerprints of TLS clients.
type TLSFingerprint struct {
	// The JA3 fingerprint.
	// +optional
	JA3 bool `json:"ja3,omitempty"`
	// The JA4 fingerprint.
	// +optional
	JA4 bool `json:"ja4,omitempty"`
}

// TimeoutParameters limits how long things may take. Each value is a Go
// duration, or infinity for no limit; unset leaves Envoy's default.
type TimeoutParameters struct {
	// Until the whole request is received.
	// +optional
	RequestTimeout *string `json:"requestTimeout,omitempty"`
	// Without a request on a client's connection.
	// +optional
	ConnectionIdleTimeout *string `json:"connectionIdleTimeout,omitempty"`
	// Without data on a request.
	// +optional
	StreamIdleTimeout *string `json:"streamIdleTimeout,omitempty"`
	// The age of a client's connection.
	// +optional
	MaxConnectionDuration *string `json:"maxConnectionDuration,omitempty"`
	// Until a closed connection is torn down, so that the client can read the
	// rest.
	// +optional
	DelayedCloseTimeout *string `json:"delayedCloseTimeout,omitempty"`
	// Between the announcement that a connection ends and its end.
	// +optional
	ConnectionShutdownGracePeriod *string `json:"connectionShutdownGracePeriod,omitempty"`
	// Until a connection to an endpoint is open; 2s if unset.
	// +optional
	ConnectTimeout *string `json:"connectTimeout,omitempty"`
}

// ClusterDNSFamilyType selects the IP versions of addresses found by DNS.
type ClusterDNSFamilyType string

const (
	// AutoClusterDNSFamily prefers IPv6 and falls back to IPv4.
	AutoClusterDNSFamily ClusterDNSFamilyType = "auto"
	// IPv4ClusterDNSFamily takes IPv4 only.
	IPv4ClusterDNSFamily ClusterDNSFamilyType = "v4"
	// IPv6ClusterDNSFamily takes IPv6 only.
	IPv6ClusterDNSFamily ClusterDNSFamilyType = "v6"
	// AllClusterDNSFamily takes both.
	AllClusterDNSFamily ClusterDNSFamilyType = "all"
)

// ClusterParameters contains settings of all clusters.
type ClusterParameters struct {
	// IP versions of addresses found by DNS: auto, v4, v6 or all; auto if empty.
	// +optional
	DNSLookupFamily ClusterDNSFamilyType `json:"dnsLookupFamily,omitempty"`
	// Requests after which a connection to an endpoint is closed; no limit if
	// unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxRequestsPerConnection *uint32 `json:"maxRequestsPerConnection,omitempty"`
	// Soft limit in bytes of the buffers of a connection; 1 MiB if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	PerConnectionBufferLimitBytes *uint32 `json:"per-connection-buffer-limit-bytes,omitempty"`
	// Limits of the clusters whose Service sets none.
	// +optional
	GlobalCircuitBreakerDefaults *CircuitBreakers `json:"circuitBreakers,omitempty"`
	// TLS with endpoints.
	// +optional
	UpstreamTLS *EnvoyTLS `json:"upstreamTLS,omitempty"`
}

// NetworkParameters contains settings of the network.
type NetworkParameters struct {
	// Trusted proxies in front of Envoy that add to x-forwarded-for; 0 if unset.
	// +optional
	XffNumTrustedHops *uint32 `json:"numTrustedHops,omitempty"`
	// Port of Envoy's admin interface, on loopback; 9001 if unset.
	// +optional
	EnvoyAdminPort *int `json:"adminPort,omitempty"`
	// Ignores a dot at the end of Host; false if unset.
	// +optional
	EnvoyStripTrailingHostDot *bool `json:"stripTrailingHostDot,omitempty"`
}
