package v1

// Route specifies the action for the requests that match its conditions. Exactly one
// of services, requestRedirectPolicy and directResponsePolicy must be set.
type Route struct {
	// Conditions that must all match; none means every request.
	// +optional
	Conditions []MatchCondition `json:"conditions,omitempty"`
	// Where requests go, by weight.
	// +optional
	Services []Service `json:"services,omitempty"`
	// Permits requests to be upgraded to WebSocket.
	// +optional
	EnableWebsockets bool `json:"enableWebsockets,omitempty"`
	// Also serves this route over HTTP on a host with TLS, instead of
	// redirecting to HTTPS.
	// +optional
	PermitInsecure bool `json:"permitInsecure,omitempty"`
	// Adapts the external authorization of the virtual host.
	// +optional
	AuthPolicy *AuthorizationPolicy `json:"authPolicy,omitempty"`
	// Limits the time that a request may take.
	// +optional
	TimeoutPolicy *TimeoutPolicy `json:"timeoutPolicy,omitempty"`
	// When failed requests are retried.
	// +optional
	RetryPolicy *RetryPolicy `json:"retryPolicy,omitempty"`
	// Active health checks of the endpoints.
	// +optional
	HealthCheckPolicy *HTTPHealthCheckPolicy `json:"healthCheckPolicy,omitempty"`
	// How requests are distributed over endpoints.
	// +optional
	LoadBalancerPolicy *LoadBalancerPolicy `json:"loadBalancerPolicy,omitempty"`
	// Changes the path before the request is forwarded.
	// +optional
	PathRewritePolicy *PathRewritePolicy `json:"pathRewritePolicy,omitempty"`
	// Changes the headers of requests before they are forwarded.
	// +optional
	RequestHeadersPolicy *HeadersPolicy `json:"requestHeadersPolicy,omitempty"`
	// Changes the headers of responses.
	// +optional
	ResponseHeadersPolicy *HeadersPolicy `json:"responseHeadersPolicy,omitempty"`
	// Changes the attributes of cookies that Services set.
	// +optional
	CookieRewritePolicies []CookieRewritePolicy `json:"cookieRewritePolicies,omitempty"`
	// Limits the rate of requests.
	// +optional
	RateLimitPolicy *RateLimitPolicy `json:"rateLimitPolicy,omitempty"`
	// Answers with a redirect.
	// +optional
	RequestRedirectPolicy *HTTPRequestRedirectPolicy `json:"requestRedirectPolicy,omitempty"`
	// Answers with a fixed response.
	// +optional
	DirectResponsePolicy *HTTPDirectResponsePolicy `json:"directResponsePolicy,omitempty"`
	// Follows redirects of Services inside Envoy, unseen by the client.
	// +optional
	InternalRedirectPolicy *HTTPInternalRedirectPolicy `json:"internalRedirectPolicy,omitempty"`
	// Requires a token of a provider of the virtual host, or none.
	// +optional
	JWTVerificationPolicy *JWTVerificationPolicy `json:"jwtVerificationPolicy,omitempty"`
	// Clients that may send requests; replaces the lists of the virtual host.
	// Excludes ipDenyPolicy.
	// +optional
	IPAllowFilterPolicy []IPFilterPolicy `json:"ipAllowPolicy,omitempty"`
	// Clients that are answered with 403; replaces the lists of the virtual host.
	// Excludes ipAllowPolicy.
	// +optional
	IPDenyFilterPolicy []IPFilterPolicy `json:"ipDenyPolicy,omitempty"`
}

// HTTPDirectResponsePolicy is a fixed response.
type HTTPDirectResponsePolicy struct {
	// Status code.
	// +kubebuilder:validation:Minimum=200
	// +kubebuilder:validation:Maximum=599
	StatusCode int `json:"statusCode"`
	// Body; none if empty.
	// +optional
	Body string `json:"body,omitempty"`
}

// RedirectResponseCode is the status code of a redirect.
//
// +kubebuilder:validation:Enum=301;302;303;307;308
type RedirectResponseCode uint32

// HTTPRequestRedirectPolicy is a redirect. What is not set stays as it is in
// the request.
type HTTPRequestRedirectPolicy struct {
	// Scheme of the new location.
	// +optional
	// +kubebuilder:validation:Enum=http;https
	Scheme *string `json:"scheme,omitempty"`
	// Host name of the new location.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Hostname *string `json:"hostname,omitempty"`
	// Port of the new location.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
	// Status code.
	// +optional
	// +kubebuilder:default=302
	StatusCode *RedirectResponseCode `json:"statusCode,omitempty"`
	// Path of the new location. Excludes prefix.
	// +optional
	// +kubebuilder:validation:Pattern=`^\/.*$`
	Path *string `json:"path,omitempty"`
	// Replaces the part of the path that the route's prefix matched.
	// Excludes path.
	// +optional
	// +kubebuilder:validation:Pattern=`^\/.*$`
	Prefix *string `json:"prefix,omitempty"`
}

// HTTPInternalRedirectPolicy specifies which redirects of Services Envoy follows.
type HTTPInternalRedirectPolicy struct {
	// How many redirects are followed for one request; 1 if 0.
	// +optional
	MaxInternalRedirects uint32 `json:"maxInternalRedirects,omitempty"`
	// Status codes that are followed; 302 if empty.
	// +optional
	RedirectResponseCodes []RedirectResponseCode `json:"redirectResponseCodes,omitempty"`
	// Whether a redirect to another scheme is followed. SafeOnly follows one to
	// http if the request came by https, but none to https if it came by http.
	// +optional
	// +kubebuilder:validation:Enum=Always;Never;SafeOnly
	// +kubebuilder:default=Never
	AllowCrossSchemeRedirect string `json:"allowCrossSchemeRedirect,omitempty"`
	// Does not follow a redirect to a route that the request already took.
	// +optional
	DenyRepeatedRouteRedirect bool `json:"denyRepeatedRouteRedirect,omitempty"`
}

// PathRewritePolicy changes the path of forwarded requests.
type PathRewritePolicy struct {
	// Replacements of the route's prefix. Needs a prefix condition.
	// +optional
	ReplacePrefix []ReplacePrefix `json:"replacePrefix,omitempty"`
}

// ReplacePrefix replaces one path prefix by another.
type ReplacePrefix struct {
	// The prefix, after inclusion, that this entry is for. An entry without one
	// is for all other prefixes.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Prefix string `json:"prefix,omitempty"`
	// What to put in its place.
	// +kubebuilder:validation:MinLength=1
	Replacement string `json:"replacement"`
}

// IPFilterSource is the address of a request that a filter matches.
//
// +kubebuilder:validation:Enum=Peer;Remote
type IPFilterSource string

const (
	// IPFilterSourcePeer is the other end of the connection.
	IPFilterSourcePeer IPFilterSource = "Peer"
	// IPFilterSourceRemote is the client, according to x-forwarded-for or the PROXY
	// protocol from trusted hops.
	IPFilterSourceRemote IPFilterSource = "Remote"
)

// IPFilterPolicy is a range of addresses.
type IPFilterPolicy struct {
	// Which address is compared.
	Source IPFilterSource `json:"source"`
	// The range, such as 10.8.0.0/16; a single address stands for itself.
	CIDR string `json:"cidr"`
}
