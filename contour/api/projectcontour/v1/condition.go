package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ValidConditionType is the type of the condition that sums up an object: True
// without errors, False with at least one.
const ValidConditionType = "Valid"

// Types of the errors and warnings below a Valid condition: the part of the
// object that each is about.
const (
	// ConditionTypeAuthError is about external authorization.
	ConditionTypeAuthError = "AuthError"
	// ConditionTypeCORSError is about the CORS policy.
	ConditionTypeCORSError = "CORSError"
	// ConditionTypeIncludeError is about an inclusion.
	ConditionTypeIncludeError = "IncludeError"
	// ConditionTypeIPFilterError is about an IP filter.
	ConditionTypeIPFilterError = "IPFilterError"
	// ConditionTypeJWTVerificationError is about JWT providers or policies.
	ConditionTypeJWTVerificationError = "JWTVerificationError"
	// ConditionTypeListenerError is about the listeners of a Gateway.
	ConditionTypeListenerError = "ListenerError"
	// ConditionTypeOrphanedError means that no root includes the HTTPProxy.
	ConditionTypeOrphanedError = "Orphaned"
	// ConditionTypePrefixReplaceError is about a path rewrite.
	ConditionTypePrefixReplaceError = "PrefixReplaceError"
	// ConditionTypeRootNamespaceError is about a root outside the root namespaces.
	ConditionTypeRootNamespaceError = "RootNamespaceError"
	// ConditionTypeRouteError is about a route.
	ConditionTypeRouteError = "RouteError"
	// ConditionTypeServiceError is about a Service that a route refers to.
	ConditionTypeServiceError = "ServiceError"
	// ConditionTypeSpecError is about the spec as a whole.
	ConditionTypeSpecError = "SpecError"
	// ConditionTypeTCPProxyError is about the tcpproxy.
	ConditionTypeTCPProxyError = "TCPProxyError"
	// ConditionTypeTCPProxyIncludeError is about the inclusion of a tcpproxy.
	ConditionTypeTCPProxyIncludeError = "TCPProxyIncludeError"
	// ConditionTypeTLSError is about TLS settings and Secrets.
	ConditionTypeTLSError = "TLSError"
	// ConditionTypeVirtualHostError is about the virtual host.
	ConditionTypeVirtualHostError = "VirtualHostError"
)

// Condition is the Kubernetes condition that a DetailedCondition extends.
type Condition = metav1.Condition

// ConditionStatus is the status of a Condition or SubCondition.
type ConditionStatus = metav1.ConditionStatus

// The statuses of a condition.
const (
	ConditionTrue    ConditionStatus = metav1.ConditionTrue
	ConditionFalse   ConditionStatus = metav1.ConditionFalse
	ConditionUnknown ConditionStatus = metav1.ConditionUnknown
)

// DetailedCondition is a Kubernetes condition with the single errors and
// warnings that led to it.
type DetailedCondition struct {
	Condition `json:",inline"`

	// What makes the condition bad. Empty if it is good.
	// +optional
	Errors []SubCondition `json:"errors,omitempty"`
	// What deserves attention without making the condition bad.
	// +optional
	Warnings []SubCondition `json:"warnings,omitempty"`
}

// SubCondition is one error or warning of a DetailedCondition.
type SubCondition struct {
	// The part of the object this is about, such as TLSError.
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`
	// +kubebuilder:validation:MaxLength=316
	Type string `json:"type"`
	// The status of the condition.
	// +kubebuilder:validation:Enum=True;False;Unknown
	Status ConditionStatus `json:"status"`
	// The cause, as one word for programs.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`
	Reason string `json:"reason"`
	// The cause, as a sentence for people.
	// +kubebuilder:validation:MaxLength=32768
	Message string `json:"message"`
}
