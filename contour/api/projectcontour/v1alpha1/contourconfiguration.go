package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// ContourConfiguration is the configuration of a controller, named by its flag
// --contour-config-name. It replaces the configuration file.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=contourconfigurations,shortName=contourconfig,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
type ContourConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ContourConfigurationSpec `json:"spec"`
	// +optional
	Status ContourConfigurationStatus `json:"status,omitempty"`
}

// ContourConfigurationList is a list of ContourConfigurations.
//
// +kubebuilder:object:root=true
type ContourConfigurationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []ContourConfiguration `json:"items"`
}

// ContourConfigurationSpec contains the settings. Each that is not set has a
// default, which its description names.
type ContourConfigurationSpec struct {
	// Where Envoys get their configuration.
	// +optional
	XDSServer *XDSServerConfig `json:"xdsServer,omitempty"`
	// Which Ingresses are handled, and the addresses in their status.
	// +optional
	Ingress *IngressConfig `json:"ingress,omitempty"`
	// The debug endpoint.
	// +optional
	Debug *DebugConfig `json:"debug,omitempty"`
	// The health endpoint of the controller; 0.0.0.0:8000 if unset.
	// +optional
	Health *HealthConfig `json:"health,omitempty"`
	// The settings of Envoys other than routes.
	// +optional
	Envoy *EnvoyConfig `json:"envoy,omitempty"`
	// The Gateway to serve.
	// +optional
	Gateway *GatewayConfig `json:"gateway,omitempty"`
	// Which HTTPProxies are handled, and how.
	// +optional
	HTTPProxy *HTTPProxyConfig `json:"httpproxy,omitempty"`
	// Permits Services of type ExternalName as targets; false if unset.
	// +optional
	EnableExternalNameService *bool `json:"enableExternalNameService,omitempty"`
	// External authorization of all hosts.
	// +optional
	GlobalExternalAuthorization *contourv1.AuthorizationServer `json:"globalExtAuth,omitempty"`
	// The service for global rate limits.
	// +optional
	RateLimitService *RateLimitServiceConfig `json:"rateLimitService,omitempty"`
	// Header policies of all routes.
	// +optional
	Policy *PolicyConfig `json:"policy,omitempty"`
	// The metrics endpoint of the controller; 0.0.0.0:8000 if unset.
	// +optional
	Metrics *MetricsConfig `json:"metrics,omitempty"`
	// Where traces are sent.
	// +optional
	Tracing *TracingConfig `json:"tracing,omitempty"`
	// Features to turn on.
	// +optional
	FeatureFlags FeatureFlags `json:"featureFlags,omitempty"`
}

// FeatureFlags names features to turn on.
type FeatureFlags []string

// NamespacedName refers to an object of a kind that depends on the context.
type NamespacedName struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// XDSServerConfig is the endpoint that Envoys connect to.
type XDSServerConfig struct {
	// Address to listen on; 0.0.0.0 if empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Address string `json:"address,omitempty"`
	// Port to listen on; 8001 if 0.
	// +optional
	Port int `json:"port,omitempty"`
	// The certificates of the endpoint.
	// +optional
	TLS *TLS `json:"tls,omitempty"`
}

// TLS contains the files of a server that verifies its clients.
type TLS struct {
	// Accepted CA certificates; /certs/ca.crt if empty.
	// +optional
	CAFile string `json:"caFile,omitempty"`
	// Serving certificate; /certs/tls.crt if empty.
	// +optional
	CertFile string `json:"certFile,omitempty"`
	// Key of the serving certificate; /certs/tls.key if empty.
	// +optional
	KeyFile string `json:"keyFile,omitempty"`
	// Serves without TLS; false if unset.
	// +optional
	Insecure *bool `json:"insecure,omitempty"`
}

// IngressConfig selects Ingresses and sets the address in their status.
type IngressConfig struct {
	// The classes to handle; contour if empty.
	// +optional
	ClassNames []string `json:"classNames,omitempty"`
	// Addresses for the status, separated by commas, instead of those of the
	// Envoy Service.
	// +optional
	StatusAddress string `json:"statusAddress,omitempty"`
}

// DebugConfig is the debug endpoint of the controller.
type DebugConfig struct {
	// Address to listen on; 127.0.0.1 if empty.
	// +optional
	Address string `json:"address,omitempty"`
	// Port to listen on; 6060 if 0.
	// +optional
	Port int `json:"port,omitempty"`
}

// HealthConfig is a health endpoint.
type HealthConfig struct {
	// Address to listen on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Address string `json:"address,omitempty"`
	// Port to listen on.
	// +optional
	Port int `json:"port,omitempty"`
}

// MetricsConfig is a metrics endpoint.
type MetricsConfig struct {
	// Address to listen on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Address string `json:"address,omitempty"`
	// Port to listen on.
	// +optional
	Port int `json:"port,omitempty"`
	// Serves over TLS. Not on the port of the health endpoint.
	// +optional
	TLS *MetricsTLS `json:"tls,omitempty"`
}

// MetricsTLS contains the files of a metrics endpoint with TLS.
type MetricsTLS struct {
	// CA certificates of the clients; clients are not verified if empty.
	// +optional
	CAFile string `json:"caFile,omitempty"`
	// Serving certificate.
	// +optional
	CertFile string `json:"certFile,omitempty"`
	// Key of the serving certificate.
	// +optional
	KeyFile string `json:"keyFile,omitempty"`
}

// GatewayConfig selects the Gateway that the controller serves.
type GatewayConfig struct {
	// The Gateway.
	GatewayRef *NamespacedName `json:"gatewayRef"`
}

// HTTPProxyConfig contains the settings of HTTPProxies.
type HTTPProxyConfig struct {
	// Redirects to HTTPS even where a route has permitInsecure; false if unset.
	// +optional
	DisablePermitInsecure *bool `json:"disablePermitInsecure,omitempty"`
	// The namespaces that may contain root HTTPProxies; all if empty.
	// +optional
	RootNamespaces []string `json:"rootNamespaces,omitempty"`
	// Secret with the certificate for clients without a known server name.
	// +optional
	FallbackCertificate *NamespacedName `json:"fallbackCertificate,omitempty"`
}

// PolicyConfig contains the header policies of all routes.
type PolicyConfig struct {
	// Changes the headers of requests.
	// +optional
	RequestHeadersPolicy *HeadersPolicy `json:"requestHeaders,omitempty"`
	// Changes the headers of responses.
	// +optional
	ResponseHeadersPolicy *HeadersPolicy `json:"responseHeaders,omitempty"`
	// Applies them to Ingresses as well; false if unset.
	// +optional
	ApplyToIngress *bool `json:"applyToIngress,omitempty"`
}

// HeadersPolicy changes headers.
type HeadersPolicy struct {
	// Headers to set, by name. Host is not permitted.
	// +optional
	Set map[string]string `json:"set,omitempty"`
	// Names of headers to remove.
	// +optional
	Remove []string `json:"remove,omitempty"`
}

// RateLimitServiceConfig is the service for global rate limits.
type RateLimitServiceConfig struct {
	// The ExtensionService that implements it.
	ExtensionService NamespacedName `json:"extensionService"`
	// Name under which the service finds the limits.
	// +optional
	Domain string `json:"domain,omitempty"`
	// Allows requests while the service cannot be reached; false if unset.
	// +optional
	FailOpen *bool `json:"failOpen,omitempty"`
	// Adds the X-RateLimit headers to responses; false if unset.
	// +optional
	EnableXRateLimitHeaders *bool `json:"enableXRateLimitHeaders,omitempty"`
	// Answers gRPC requests with RESOURCE_EXHAUSTED, not UNAVAILABLE; false if
	// unset.
	// +optional
	EnableResourceExhaustedCode *bool `json:"enableResourceExhaustedCode,omitempty"`
	// Policy of the virtual hosts that have none.
	// +optional
	DefaultGlobalRateLimitPolicy *contourv1.GlobalRateLimitPolicy `json:"defaultGlobalRateLimitPolicy,omitempty"`
}

// TracingConfig specifies what is traced and where traces are sent (OTLP).
type TracingConfig struct {
	// Adds the name and namespace of the Envoy pod; true if unset.
	// +optional
	IncludePodDetail *bool `json:"includePodDetail,omitempty"`
	// Service name of the traces; contour if unset.
	// +optional
	ServiceName *string `json:"serviceName,omitempty"`
	// Percentage of all requests that may be traced; 100 if unset.
	// +optional
	OverallSampling *string `json:"overallSampling,omitempty"`
	// Percentage of requests that are traced if the client requests it; 100 if unset.
	// +optional
	ClientSampling *string `json:"clientSampling,omitempty"`
	// Percentage of requests that are traced unasked; 100 if unset.
	// +optional
	RandomSampling *string `json:"randomSampling,omitempty"`
	// Length at which recorded paths are cut; 256 if unset.
	// +optional
	MaxPathTagLength *uint32 `json:"maxPathTagLength,omitempty"`
	// More tags of each trace.
	// +optional
	CustomTags []*CustomTag `json:"customTags,omitempty"`
	// The ExtensionService that collects traces.
	ExtensionService *NamespacedName `json:"extensionService"`
}

// CustomTag is a tag with either a fixed value or that of a header.
type CustomTag struct {
	// Name of the tag; unique.
	TagName string `json:"tagName"`
	// A fixed value.
	// +optional
	Literal string `json:"literal,omitempty"`
	// Name of the request header that contains the value.
	// +optional
	RequestHeaderName string `json:"requestHeaderName,omitempty"`
}

// ContourConfigurationStatus is what is reported about a configuration.
type ContourConfigurationStatus struct {
	// +optional
	// +patchMergeKey=type
	// +patchStrategy=merge
	// +listType=map
	// +listMapKey=type
	Conditions []contourv1.DetailedCondition `json:"conditions,omitempty" patchMergeKey:"type" patchStrategy:"merge"`
}
