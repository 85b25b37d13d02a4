package v1

// AuthorizationServiceType is the protocol of an authorization service.
//
// +kubebuilder:validation:Enum=http;grpc
type AuthorizationServiceType string

// The protocols of an authorization service.
const (
	AuthorizationHTTPService AuthorizationServiceType = "http"
	AuthorizationGRPCService AuthorizationServiceType = "grpc"
)

// ExtensionServiceReference names an ExtensionService.
type ExtensionServiceReference struct {
	// API version; projectcontour.io/v1alpha1 if empty, and nothing else.
	// +optional
	// +kubebuilder:validation:MinLength=1
	APIVersion string `json:"apiVersion,omitempty"`
	// Namespace; that of the referring object if empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Namespace string `json:"namespace,omitempty"`
	// Name of the ExtensionService.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name,omitempty"`
}

// AuthorizationServer is a service that decides whether requests are allowed.
//
// +kubebuilder:validation:XValidation:rule="!has(self.httpSettings) || self.serviceType == 'http'",message="httpSettings needs serviceType http"
type AuthorizationServer struct {
	// The authorization service.
	// +optional
	ExtensionServiceRef ExtensionServiceReference `json:"extensionRef,omitempty"`
	// Policy of the routes that have none.
	// +optional
	AuthPolicy *AuthorizationPolicy `json:"authPolicy,omitempty"`
	// How long to wait for a decision: a Go duration, or infinity. If empty, the
	// response timeout of the ExtensionService.
	// +optional
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+|infinity|infinite)$`
	ResponseTimeout string `json:"responseTimeout,omitempty"`
	// Allows requests while the service cannot be reached.
	// +optional
	FailOpen bool `json:"failOpen,omitempty"`
	// Sends the request's body along. Without it, only headers are sent.
	// +optional
	WithRequestBody *AuthorizationServerBufferSettings `json:"withRequestBody,omitempty"`
	// Protocol of the service.
	// +optional
	// +kubebuilder:default=grpc
	ServiceType AuthorizationServiceType `json:"serviceType,omitempty"`
	// Settings of a service with protocol http.
	// +optional
	HTTPSettings *HTTPAuthorizationServerSettings `json:"httpSettings,omitempty"`
}

// HTTPAuthorizationServerSettings specifies what is exchanged with an authorization
// service that speaks HTTP.
type HTTPAuthorizationServerSettings struct {
	// Put before the path of the request to be authorized.
	// +optional
	PathPrefix string `json:"pathPrefix,omitempty"`
	// Headers of the request that the service gets to see.
	// +optional
	AllowedAuthorizationHeaders []HTTPAuthorizationServerAllowedHeaders `json:"allowedAuthorizationHeaders,omitempty"`
	// Headers of the service's answer that are added to the request.
	// +optional
	AllowedUpstreamHeaders []HTTPAuthorizationServerAllowedHeaders `json:"allowedUpstreamHeaders,omitempty"`
}

// HTTPAuthorizationServerAllowedHeaders selects headers by their name.
//
// +kubebuilder:validation:XValidation:rule="(has(self.exact) ? 1 : 0) + (has(self.prefix) ? 1 : 0) + (has(self.suffix) ? 1 : 0) + (has(self.contains) ? 1 : 0) == 1",message="exactly one of exact, prefix, suffix and contains must be set"
type HTTPAuthorizationServerAllowedHeaders struct {
	// The name is this.
	// +optional
	Exact string `json:"exact,omitempty"`
	// The name starts with this.
	// +optional
	Prefix string `json:"prefix,omitempty"`
	// The name ends with this.
	// +optional
	Suffix string `json:"suffix,omitempty"`
	// The name contains this.
	// +optional
	Contains string `json:"contains,omitempty"`
	// Compares without regard to case.
	// +optional
	IgnoreCase bool `json:"ignoreCase,omitempty"`
}

// AuthorizationServerBufferSettings specifies how much of a request's body the
// authorization service gets.
type AuthorizationServerBufferSettings struct {
	// Largest body in bytes. A larger one is answered with 413 unless
	// allowPartialMessage is set.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:default=1024
	MaxRequestBytes uint32 `json:"maxRequestBytes,omitempty"`
	// Sends the first maxRequestBytes of a larger body.
	// +optional
	AllowPartialMessage bool `json:"allowPartialMessage,omitempty"`
	// Sends the body as bytes; else it has to be UTF-8.
	// +optional
	PackAsBytes bool `json:"packAsBytes,omitempty"`
}

// AuthorizationPolicy adapts external authorization to a route.
type AuthorizationPolicy struct {
	// True disables authorization; false enables it even where the virtual host
	// disables it; unset follows the virtual host.
	// +optional
	Disabled *bool `json:"disabled,omitempty"`
	// Key-value pairs for the service, over those of the virtual host.
	// +optional
	Context map[string]string `json:"context,omitempty"`
}
