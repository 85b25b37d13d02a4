package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// HTTPProxy describes how requests for a host reach Services. One with a
// virtualhost is a root; one without is reached by inclusion only.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=httpproxies,shortName=proxy;proxies,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:printcolumn:name="FQDN",type="string",JSONPath=".spec.virtualhost.fqdn",description="Host name that the proxy serves"
// +kubebuilder:printcolumn:name="TLS Secret",type="string",JSONPath=".spec.virtualhost.tls.secretName",description="Secret with the serving certificate"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.currentStatus",description="Whether the proxy is valid, invalid or orphaned"
// +kubebuilder:printcolumn:name="Status Description",type="string",JSONPath=".status.description",description="Summary of the status"
type HTTPProxy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec HTTPProxySpec `json:"spec"`
	// Written by the controller; "NotReconciled" until it has seen the object.
	// +optional
	// +kubebuilder:default={currentStatus: "NotReconciled", description: "Waiting for controller"}
	Status HTTPProxyStatus `json:"status,omitempty"`
}

// HTTPProxyList is a list of HTTPProxies.
//
// +kubebuilder:object:root=true
type HTTPProxyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []HTTPProxy `json:"items"`
}

// HTTPProxySpec is the desired state of an HTTPProxy.
type HTTPProxySpec struct {
	// The host to serve. Makes this HTTPProxy a root, which no other can include.
	// +optional
	VirtualHost *VirtualHost `json:"virtualhost,omitempty"`
	// What to do with requests, by their path, headers and query.
	// +optional
	Routes []Route `json:"routes,omitempty"`
	// Proxies the bytes of TLS connections instead of HTTP requests.
	// +optional
	TCPProxy *TCPProxy `json:"tcpproxy,omitempty"`
	// Other HTTPProxies that contribute routes to this host.
	// +optional
	Includes []Include `json:"includes,omitempty"`
	// Selects the controller that handles this object. The
	// ingress class annotations take precedence over it.
	// +optional
	IngressClassName string `json:"ingressClassName,omitempty"`
}

// Include delegates part of a host to another HTTPProxy.
type Include struct {
	// Name of the included HTTPProxy, which must not be a root.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Namespace of the included HTTPProxy; the own namespace if empty.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Conditions that every included route has to meet in addition to its own.
	// Of the path conditions only prefix is allowed.
	// +optional
	Conditions []MatchCondition `json:"conditions,omitempty"`
}

// TCPProxy forwards the bytes of the connections of a TLS host.
type TCPProxy struct {
	// How connections are distributed over endpoints. The strategies Cookie and
	// RequestHash are ignored here.
	// +optional
	LoadBalancerPolicy *LoadBalancerPolicy `json:"loadBalancerPolicy,omitempty"`
	// Where connections go, by weight. Excludes include.
	// +optional
	Services []Service `json:"services,omitempty"`
	// Another HTTPProxy whose tcpproxy is used instead.
	// +optional
	Include *TCPProxyInclude `json:"include,omitempty"`
	// The former name of include, accepted for old manifests.
	// +optional
	IncludesDeprecated *TCPProxyInclude `json:"includes,omitempty"`
	// Active health checks, by opening a connection.
	// +optional
	HealthCheckPolicy *TCPHealthCheckPolicy `json:"healthCheckPolicy,omitempty"`
}

// TCPProxyInclude names the HTTPProxy to which a tcpproxy is delegated.
type TCPProxyInclude struct {
	// Name of the included HTTPProxy.
	Name string `json:"name"`
	// Namespace of the included HTTPProxy; the own namespace if empty.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// HTTPProxyStatus is what the controller reports about an HTTPProxy.
type HTTPProxyStatus struct {
	// One of valid, invalid, orphaned or NotReconciled.
	// +optional
	CurrentStatus string `json:"currentStatus,omitempty"`
	// A summary of the status for people.
	// +optional
	Description string `json:"description,omitempty"`
	// The addresses at which Envoy serves this host.
	// +optional
	LoadBalancer corev1.LoadBalancerStatus `json:"loadBalancer,omitempty"`
	// The condition Valid with its errors and warnings, and the conditions that
	// other controllers add.
	// +optional
	// +patchMergeKey=type
	// +patchStrategy=merge
	// +listType=map
	// +listMapKey=type
	Conditions []DetailedCondition `json:"conditions,omitempty" patchMergeKey:"type" patchStrategy:"merge"`
}
