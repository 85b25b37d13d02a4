package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// ExtensionProtocolVersion is a version of the Envoy API that a service speaks.
//
// +kubebuilder:validation:Enum=v3
type ExtensionProtocolVersion string

// SupportProtocolVersion3 is version 3 of the Envoy API.
const SupportProtocolVersion3 ExtensionProtocolVersion = "v3"

// ExtensionService is a service that Envoy itself calls: for authorization,
// rate limits or tracing.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=extensionservices,shortName=extensionservice;extensionservices,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
type ExtensionService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec ExtensionServiceSpec `json:"spec,omitempty"`
	// +optional
	Status ExtensionServiceStatus `json:"status,omitempty"`
}

// ExtensionServiceList is a list of ExtensionServices.
//
// +kubebuilder:object:root=true
type ExtensionServiceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []ExtensionService `json:"items"`
}

// ExtensionServiceSpec is where the service is and how it is called.
type ExtensionServiceSpec struct {
	// The Kubernetes Services that implement it, by weight.
	// +kubebuilder:validation:MinItems=1
	Services []ExtensionServiceTarget `json:"services"`
	// How the certificates of the endpoints are verified. Needs protocol h2.
	// +optional
	UpstreamValidation *contourv1.UpstreamValidation `json:"validation,omitempty"`
	// Protocol of the endpoints: h2 (over TLS), h2c or http/1.1; h2 if unset.
	// +optional
	// +kubebuilder:validation:Enum=http/1.1;h2;h2c
	Protocol *string `json:"protocol,omitempty"`
	// How calls are distributed over endpoints. The strategies Cookie and RequestHash
	// are ignored here.
	// +optional
	LoadBalancerPolicy *contourv1.LoadBalancerPolicy `json:"loadBalancerPolicy,omitempty"`
	// Limits the time that a call may take. The field idle is ignored.
	// +optional
	TimeoutPolicy *contourv1.TimeoutPolicy `json:"timeoutPolicy,omitempty"`
	// Version of the Envoy API that the service speaks.
	// +optional
	ProtocolVersion ExtensionProtocolVersion `json:"protocolVersion,omitempty"`
	// Limits connections and requests to the service.
	// +optional
	CircuitBreakerPolicy *CircuitBreakers `json:"circuitBreakerPolicy,omitempty"`
}

// ExtensionServiceTarget is a Kubernetes Service.
type ExtensionServiceTarget struct {
	// Name of a Service in the namespace of the ExtensionService; not one of
	// type ExternalName.
	Name string `json:"name"`
	// Port of the Service, from 1 to 65535.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +kubebuilder:validation:ExclusiveMaximum=true
	Port int `json:"port"`
	// Share of the calls, relative to the weights of the other targets.
	// +optional
	Weight uint32 `json:"weight,omitempty"`
}

// CircuitBreakers limits what each Envoy has open to a cluster at a time. 0
// leaves Envoy's default.
type CircuitBreakers struct {
	// Connections.
	// +optional
	MaxConnections uint32 `json:"maxConnections,omitempty"`
	// Requests that wait for a connection.
	// +optional
	MaxPendingRequests uint32 `json:"maxPendingRequests,omitempty"`
	// Requests under way.
	// +optional
	MaxRequests uint32 `json:"maxRequests,omitempty"`
	// Retries under way.
	// +optional
	MaxRetries uint32 `json:"maxRetries,omitempty"`
	// Connections to each single endpoint.
	// +optional
	PerHostMaxConnections uint32 `json:"perHostMaxConnections,omitempty"`
}

// ExtensionServiceStatus is what the controller reports.
type ExtensionServiceStatus struct {
	// The condition Valid with its errors and warnings, and the conditions that
	// other controllers add.
	// +optional
	// +patchMergeKey=type
	// +patchStrategy=merge
	// +listType=map
	// +listMapKey=type
	Conditions []contourv1.DetailedCondition `json:"conditions,omitempty" patchMergeKey:"type" patchStrategy:"merge"`
}
