package v1

// VirtualHost is the host that a root HTTPProxy serves, with the policies that
// apply to all of its routes.
type VirtualHost struct {
	// The host name, without a port. A leading "*." stands for any one label.
	// +kubebuilder:validation:Pattern=`^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +kubebuilder:validation:MinLength=1
	Fqdn string `json:"fqdn"`
	// Serves the host over HTTPS; HTTP requests are redirected to it.
	// +optional
	TLS *TLS `json:"tls,omitempty"`
	// Sends a request to an external service for authorization. Needs TLS.
	// +optional
	Authorization *AuthorizationServer `json:"authorization,omitempty"`
	// Which other origins may call this host from a browser.
	// +optional
	CORSPolicy *CORSPolicy `json:"corsPolicy,omitempty"`
	// Limits the rate of requests.
	// +optional
	RateLimitPolicy *RateLimitPolicy `json:"rateLimitPolicy,omitempty"`
	// Issuers of the JSON Web Tokens that routes can require. Needs TLS.
	// +optional
	JWTProviders []JWTProvider `json:"jwtProviders,omitempty"`
	// Clients that may send requests; all others are answered with 403.
	// Excludes ipDenyPolicy. A list on a route replaces this one.
	// +optional
	IPAllowFilterPolicy []IPFilterPolicy `json:"ipAllowPolicy,omitempty"`
	// Clients that are answered with 403. Excludes ipAllowPolicy.
	// +optional
	IPDenyFilterPolicy []IPFilterPolicy `json:"ipDenyPolicy,omitempty"`
}

// TLS specifies how the host terminates TLS, or that it does not.
type TLS struct {
	// Secret with the serving certificate (tls.crt) and its key (tls.key): name,
	// or namespace/name if a TLSCertificateDelegation permits it.
	// Excludes passthrough.
	// +optional
	SecretName string `json:"secretName,omitempty"`
	// Lowest TLS version: 1.2 or 1.3. Raised to the global minimum.
	// +optional
	MinimumProtocolVersion string `json:"minimumProtocolVersion,omitempty"`
	// Highest TLS version: 1.2 or 1.3. Lowered to the global maximum.
	// +optional
	MaximumProtocolVersion string `json:"maximumProtocolVersion,omitempty"`
	// Leaves TLS to the Services of the tcpproxy. Excludes secretName.
	// +optional
	Passthrough bool `json:"passthrough,omitempty"`
	// Requires a certificate of clients and verifies it.
	// +optional
	ClientValidation *DownstreamValidation `json:"clientValidation,omitempty"`
	// Also serves this host to clients that send no or an unknown server name,
	// with the configured fallback certificate.
	// +optional
	EnableFallbackCertificate bool `json:"enableFallbackCertificate,omitempty"`
}

// DownstreamValidation specifies how the certificates of clients are verified.
type DownstreamValidation struct {
	// Secret whose key ca.crt contains the accepted CA certificates: name, or
	// namespace/name if a TLSCertificateDelegation permits it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	CACertificate string `json:"caSecret,omitempty"`
	// Requests a certificate but accepts any; the Services have to verify it.
	// +optional
	SkipClientCertValidation bool `json:"skipClientCertValidation,omitempty"`
	// Forwards the certificate to Services in x-forwarded-client-cert.
	// +optional
	ForwardClientCertificate *ClientCertificateDetails `json:"forwardClientCertificate,omitempty"`
	// Secret whose key crl.pem contains revocation lists: name, or namespace/name if
	// a TLSCertificateDelegation permits it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	CertificateRevocationList string `json:"crlSecret,omitempty"`
	// Checks the revocation of the client's own certificate only, not of the
	// CAs above it.
	// +optional
	OnlyVerifyLeafCertCrl bool `json:"crlOnlyVerifyLeafCert,omitempty"`
	// Accepts clients without a certificate; one that is sent is verified.
	// +optional
	OptionalClientCertificate bool `json:"optionalClientCertificate,omitempty"`
}

// ClientCertificateDetails selects the contents of x-forwarded-client-cert. The hash
// of the certificate is always part of it.
type ClientCertificateDetails struct {
	// The subject.
	// +optional
	Subject bool `json:"subject,omitempty"`
	// The certificate, as URL-encoded PEM.
	// +optional
	Cert bool `json:"cert,omitempty"`
	// The certificate and its chain, as URL-encoded PEM.
	// +optional
	Chain bool `json:"chain,omitempty"`
	// The alternative names of type DNS.
	// +optional
	DNS bool `json:"dns,omitempty"`
	// The alternative name of type URI.
	// +optional
	URI bool `json:"uri,omitempty"`
}

// CORSHeaderValue is the name of a method or header: a token of RFC 9110.
//
// +kubebuilder:validation:Pattern="^[a-zA-Z0-9!#$%&'*+.^_`|~-]+$"
type CORSHeaderValue string

// CORSPolicy specifies what scripts of other origins are allowed to do (Fetch standard).
type CORSPolicy struct {
	// Permits requests with credentials.
	// +optional
	AllowCredentials bool `json:"allowCredentials,omitempty"`
	// The permitted origins: "*", an origin such as https://example.com, or
	// an RE2 expression.
	// +kubebuilder:validation:MinItems=1
	AllowOrigin []string `json:"allowOrigin"`
	// The permitted methods.
	// +kubebuilder:validation:MinItems=1
	AllowMethods []CORSHeaderValue `json:"allowMethods"`
	// The permitted request headers.
	// +optional
	// +kubebuilder:validation:MinItems=1
	AllowHeaders []CORSHeaderValue `json:"allowHeaders,omitempty"`
	// The response headers that scripts may read.
	// +optional
	// +kubebuilder:validation:MinItems=1
	ExposeHeaders []CORSHeaderValue `json:"exposeHeaders,omitempty"`
	// How long a browser may remember this answer, as a Go duration; 0 for not
	// at all.
	// +optional
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+|0)$`
	MaxAge string `json:"maxAge,omitempty"`
	// Permits requests from public pages to this private network.
	// +optional
	AllowPrivateNetwork bool `json:"allowPrivateNetwork,omitempty"`
}
