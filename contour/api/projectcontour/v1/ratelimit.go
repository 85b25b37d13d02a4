package v1

// RateLimitPolicy limits the rate of requests, in each Envoy or across all.
type RateLimitPolicy struct {
	// A limit that each Envoy applies by itself.
	// +optional
	Local *LocalRateLimitPolicy `json:"local,omitempty"`
	// The descriptors of a request that are sent to the rate limit service.
	// +optional
	Global *GlobalRateLimitPolicy `json:"global,omitempty"`
}

// LocalRateLimitPolicy is a token bucket of each Envoy.
type LocalRateLimitPolicy struct {
	// Requests that are allowed per unit of time.
	// +kubebuilder:validation:Minimum=1
	Requests uint32 `json:"requests"`
	// The unit of time.
	// +kubebuilder:validation:Enum=second;minute;hour
	Unit string `json:"unit"`
	// Requests that are allowed above the rate for a short while.
	// +optional
	Burst uint32 `json:"burst,omitempty"`
	// Status code of the answer to a request above the limit; 429 if unset.
	// +optional
	// +kubebuilder:validation:Minimum=400
	// +kubebuilder:validation:Maximum=599
	ResponseStatusCode uint32 `json:"responseStatusCode,omitempty"`
	// Headers of the answer to a request above the limit.
	// +optional
	ResponseHeadersToAdd []HeaderValue `json:"responseHeadersToAdd,omitempty"`
}

// GlobalRateLimitPolicy describes requests to the rate limit service.
type GlobalRateLimitPolicy struct {
	// Leaves out the policy of the level above: that of the virtual host on a
	// route, the default policy on a virtual host.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// The descriptors to send. Each is one question to the service.
	// +optional
	// +kubebuilder:validation:MinItems=1
	Descriptors []RateLimitDescriptor `json:"descriptors,omitempty"`
}

// RateLimitDescriptor is a list of key-value pairs that the service has a
// limit for. It is not sent if one of its entries yields nothing.
type RateLimitDescriptor struct {
	// The pairs, in the order in which the service expects them.
	// +kubebuilder:validation:MinItems=1
	Entries []RateLimitDescriptorEntry `json:"entries"`
}

// RateLimitDescriptorEntry yields one pair. Exactly one field must be set.
type RateLimitDescriptorEntry struct {
	// A fixed pair.
	// +optional
	GenericKey *GenericKeyDescriptor `json:"genericKey,omitempty"`
	// The value of a request header.
	// +optional
	RequestHeader *RequestHeaderDescriptor `json:"requestHeader,omitempty"`
	// A fixed value, depending on conditions on headers.
	// +optional
	RequestHeaderValueMatch *RequestHeaderValueMatchDescriptor `json:"requestHeaderValueMatch,omitempty"`
	// The address of the client.
	// +optional
	RemoteAddress *RemoteAddressDescriptor `json:"remoteAddress,omitempty"`
}

// GenericKeyDescriptor yields a fixed pair.
type GenericKeyDescriptor struct {
	// The key; generic_key if empty.
	// +optional
	Key string `json:"key,omitempty"`
	// The value.
	// +kubebuilder:validation:MinLength=1
	Value string `json:"value"`
}

// RequestHeaderDescriptor yields the value of a header, or nothing without it.
type RequestHeaderDescriptor struct {
	// Name of the header.
	// +kubebuilder:validation:MinLength=1
	HeaderName string `json:"headerName"`
	// The key.
	// +kubebuilder:validation:MinLength=1
	DescriptorKey string `json:"descriptorKey"`
}

// RequestHeaderValueMatchDescriptor yields a pair with the key header_match if
// the headers of the request are as described, else nothing.
type RequestHeaderValueMatchDescriptor struct {
	// The conditions, which must all match.
	// +optional
	// +kubebuilder:validation:MinItems=1
	Headers []HeaderMatchCondition `json:"headers,omitempty"`
	// False yields the pair if the conditions do not match.
	// +optional
	// +kubebuilder:default=true
	ExpectMatch *bool `json:"expectMatch,omitempty"`
	// The value.
	// +kubebuilder:validation:MinLength=1
	Value string `json:"value"`
}

// RemoteAddressDescriptor yields the client's address with the key
// remote_address. It has no settings.
type RemoteAddressDescriptor struct{}
