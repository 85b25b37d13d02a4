package v1

// TimeoutPolicy limits how long things may take. Each value is a Go duration,
// or infinity for no limit.
type TimeoutPolicy struct {
	// From the end of the request to the end of the response; 15s if empty.
	// +optional
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+|infinity|infinite)$`
	Response string `json:"response,omitempty"`
	// Time without any data on a request or response; 5m if empty.
	// +optional
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+|infinity|infinite)$`
	Idle string `json:"idle,omitempty"`
	// Time without requests after which a connection to an endpoint is closed;
	// 1h if empty.
	// +optional
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+|infinity|infinite)$`
	IdleConnection string `json:"idleConnection,omitempty"`
}

// RetryOn is a kind of failure, named as in Envoy's x-envoy-retry-on and
// x-envoy-retry-grpc-on.
//
// +kubebuilder:validation:Enum="5xx";gateway-error;reset;reset-before-request;connect-failure;envoy-ratelimited;retriable-4xx;refused-stream;retriable-status-codes;retriable-headers;http3-post-connect-failure;cancelled;deadline-exceeded;internal;resource-exhausted;unavailable
type RetryOn string

// RetryPolicy specifies when failed requests are retried.
type RetryPolicy struct {
	// How many times to try again; -1 for never, and 0 counts as 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=-1
	NumRetries int64 `json:"count"`
	// Limit for each attempt: a Go duration, or infinity.
	// +optional
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+|infinity|infinite)$`
	PerTryTimeout string `json:"perTryTimeout,omitempty"`
	// Failures after which to try again; 5xx if empty.
	// +optional
	RetryOn []RetryOn `json:"retryOn,omitempty"`
	// Status codes after which to try again if retryOn has
	// retriable-status-codes.
	// +optional
	RetriableStatusCodes []uint32 `json:"retriableStatusCodes,omitempty"`
}

// HTTPHealthCheckPolicy sends requests to endpoints to see whether they work.
type HTTPHealthCheckPolicy struct {
	// Path of the request.
	Path string `json:"path"`
	// Host header of the request; contour-envoy-healthcheck if empty.
	// +optional
	Host string `json:"host,omitempty"`
	// Time between two checks, in seconds; 10 if 0.
	// +optional
	IntervalSeconds int64 `json:"intervalSeconds"`
	// How long to wait for the response, in seconds; 2 if 0.
	// +optional
	TimeoutSeconds int64 `json:"timeoutSeconds"`
	// Failures in a row that make an endpoint unhealthy; 3 if 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	UnhealthyThresholdCount int64 `json:"unhealthyThresholdCount"`
	// Successes in a row that make an endpoint healthy; 2 if 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	HealthyThresholdCount int64 `json:"healthyThresholdCount"`
	// Status codes that count as success; 200 if empty.
	// +optional
	ExpectedStatuses []HTTPStatusRange `json:"expectedStatuses,omitempty"`
}

// HTTPStatusRange is a half-open range of status codes.
type HTTPStatusRange struct {
	// The first status code of the range.
	// +kubebuilder:validation:Minimum=100
	// +kubebuilder:validation:Maximum=599
	Start int64 `json:"start"`
	// The first status code after the range.
	// +kubebuilder:validation:Minimum=101
	// +kubebuilder:validation:Maximum=600
	End int64 `json:"end"`
}

// TCPHealthCheckPolicy opens connections to endpoints to see whether they work.
type TCPHealthCheckPolicy struct {
	// Time between two checks, in seconds; 10 if 0.
	// +optional
	IntervalSeconds int64 `json:"intervalSeconds"`
	// How long to wait for the connection, in seconds; 2 if 0.
	// +optional
	TimeoutSeconds int64 `json:"timeoutSeconds"`
	// Failures in a row that make an endpoint unhealthy; 3 if 0.
	// +optional
	UnhealthyThresholdCount uint32 `json:"unhealthyThresholdCount"`
	// Successes in a row that make an endpoint healthy; 2 if 0.
	// +optional
	HealthyThresholdCount uint32 `json:"healthyThresholdCount"`
}

// LoadBalancerPolicy specifies how requests are distributed over endpoints.
type LoadBalancerPolicy struct {
	// Random, RoundRobin, WeightedLeastRequest, Cookie or RequestHash; anything
	// else is RoundRobin.
	// +optional
	Strategy string `json:"strategy,omitempty"`
	// What the strategy RequestHash hashes. Invalid entries are ignored with a
	// warning.
	// +optional
	RequestHashPolicies []RequestHashPolicy `json:"requestHashPolicies,omitempty"`
}

// RequestHashPolicy is one part of a hash over a request. Exactly one source
// must be set.
type RequestHashPolicy struct {
	// Leaves out the entries that follow if this one yields a hash.
	// +optional
	Terminal bool `json:"terminal,omitempty"`
	// Hashes a header.
	// +optional
	HeaderHashOptions *HeaderHashOptions `json:"headerHashOptions,omitempty"`
	// Hashes a query parameter.
	// +optional
	QueryParameterHashOptions *QueryParameterHashOptions `json:"queryParameterHashOptions,omitempty"`
	// Hashes the client's address.
	// +optional
	HashSourceIP bool `json:"hashSourceIP,omitempty"`
}

// HeaderHashOptions selects a header.
type HeaderHashOptions struct {
	// Name of the header.
	// +kubebuilder:validation:MinLength=1
	HeaderName string `json:"headerName"`
}

// QueryParameterHashOptions selects a query parameter.
type QueryParameterHashOptions struct {
	// Name of the parameter.
	// +kubebuilder:validation:MinLength=1
	ParameterName string `json:"parameterName"`
}

// HeadersPolicy changes headers: removals and then replacements.
type HeadersPolicy struct {
	// Headers to set, over values that are there. A name may occur once.
	// +optional
	Set []HeaderValue `json:"set,omitempty"`
	// Names of headers to remove.
	// +optional
	Remove []string `json:"remove,omitempty"`
}

// HeaderValue is a header.
type HeaderValue struct {
	// Name of the header.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Value of the header. The variables that are documented for header policies are
	// filled in by Envoy; any other % stands for itself.
	// +kubebuilder:validation:MinLength=1
	Value string `json:"value"`
}

// Namespace is the name of a Kubernetes namespace.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
type Namespace string

// Feature is a part of the controller that can be turned off, for clusters
// that lack its kinds.
//
// +kubebuilder:validation:Enum=grpcroutes;tlsroutes;extensionservices;backendtlspolicies
type Feature string
