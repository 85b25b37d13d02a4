package v1

// Service is a Kubernetes Service that gets requests.
type Service struct {
	// Name of a Service in the namespace of the HTTPProxy.
	Name string `json:"name"`
	// Port of the Service, from 1 to 65535.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +kubebuilder:validation:ExclusiveMaximum=true
	Port int `json:"port"`
	// Protocol of the endpoints: tls (HTTP/1.1 over TLS), h2 (HTTP/2 over TLS)
	// or h2c (HTTP/2 without TLS). Takes precedence over the Service.
	// +optional
	// +kubebuilder:validation:Enum=h2;h2c;tls
	Protocol *string `json:"protocol,omitempty"`
	// Share of the requests, relative to the weights of the other Services. If
	// all are 0, each gets the same share.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Weight int64 `json:"weight,omitempty"`
	// Port that health checks go to; port if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	HealthPort int `json:"healthPort,omitempty"`
	// How the certificates of the endpoints are verified. Needs protocol tls
	// or h2.
	// +optional
	UpstreamValidation *UpstreamValidation `json:"validation,omitempty"`
	// Sends a copy of the requests here and ignores the responses. The weight is
	// the percentage of the requests to copy. At most one per route.
	// +optional
	Mirror bool `json:"mirror,omitempty"`
	// Changes the headers of requests to this Service.
	// +optional
	RequestHeadersPolicy *HeadersPolicy `json:"requestHeadersPolicy,omitempty"`
	// Changes the headers of responses from this Service.
	// +optional
	ResponseHeadersPolicy *HeadersPolicy `json:"responseHeadersPolicy,omitempty"`
	// Changes the attributes of cookies that this Service sets.
	// +optional
	CookieRewritePolicies []CookieRewritePolicy `json:"cookieRewritePolicies,omitempty"`
	// Raises the traffic to new endpoints slowly.
	// +optional
	SlowStartPolicy *SlowStartPolicy `json:"slowStartPolicy,omitempty"`
}

// UpstreamValidation specifies how the certificate of a server is verified.
//
// +kubebuilder:validation:XValidation:rule="has(self.subjectNames) ? self.subjectNames[0] == self.subjectName : true",message="subjectNames must start with subjectName"
type UpstreamValidation struct {
	// Secret whose key ca.crt contains the accepted CA certificates: name, or
	// namespace/name if a TLSCertificateDelegation permits it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	CACertificate string `json:"caSecret"`
	// DNS name that the certificate has to be for.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=250
	SubjectName string `json:"subjectName"`
	// DNS names of which the certificate has to be for at least one. The first
	// must be subjectName.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	SubjectNames []string `json:"subjectNames,omitempty"`
}

// SlowStartPolicy raises the weight of new endpoints over time. Needs the
// strategy RoundRobin or WeightedLeastRequest.
type SlowStartPolicy struct {
	// How long an endpoint counts as new, as a Go duration.
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+)$`
	Window string `json:"window"`
	// Shape of the increase: 1.0 is linear, more is faster at first.
	// +optional
	// +kubebuilder:default="1.0"
	// +kubebuilder:validation:Pattern=`^([0-9]+([.][0-9]+)?|[.][0-9]+)$`
	Aggression string `json:"aggression,omitempty"`
	// Percentage of the full weight to start with.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MinimumWeightPercent uint32 `json:"minWeightPercent"`
}

// CookieRewritePolicy changes attributes of one cookie in responses. At least
// one attribute must be set.
type CookieRewritePolicy struct {
	// Name of the cookie; unique in its list.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:Pattern=`^[^()<>@,;:\\"\/[\]?={} \t\x7f\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f]+$`
	Name string `json:"name"`
	// Sets Path.
	// +optional
	PathRewrite *CookiePathRewrite `json:"pathRewrite,omitempty"`
	// Sets Domain.
	// +optional
	DomainRewrite *CookieDomainRewrite `json:"domainRewrite,omitempty"`
	// Sets or removes Secure.
	// +optional
	Secure *bool `json:"secure,omitempty"`
	// Sets SameSite.
	// +optional
	// +kubebuilder:validation:Enum=Strict;Lax;None
	SameSite *string `json:"sameSite,omitempty"`
}

// CookiePathRewrite is a new Path attribute.
type CookiePathRewrite struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:Pattern=`^[^;\x7f\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f]+$`
	Value string `json:"value"`
}

// CookieDomainRewrite is a new Domain attribute.
type CookieDomainRewrite struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Value string `json:"value"`
}
