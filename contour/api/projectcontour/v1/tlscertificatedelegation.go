package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TLSCertificateDelegation permits other namespaces to refer to Secrets of the
// namespace it is in.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=tlscertificatedelegations,shortName=tlscerts,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
type TLSCertificateDelegation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec TLSCertificateDelegationSpec `json:"spec"`
	// +optional
	Status TLSCertificateDelegationStatus `json:"status,omitempty"`
}

// TLSCertificateDelegationList is a list of TLSCertificateDelegations.
//
// +kubebuilder:object:root=true
type TLSCertificateDelegationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []TLSCertificateDelegation `json:"items"`
}

// TLSCertificateDelegationSpec lists the permissions.
type TLSCertificateDelegationSpec struct {
	Delegations []CertificateDelegation `json:"delegations"`
}

// CertificateDelegation permits namespaces to use one Secret.
type CertificateDelegation struct {
	// Name of a Secret in the namespace of the delegation.
	SecretName string `json:"secretName"`
	// The namespaces that may refer to the Secret; a single "*" means all.
	TargetNamespaces []string `json:"targetNamespaces"`
}

// TLSCertificateDelegationStatus is what is reported about a delegation.
type TLSCertificateDelegationStatus struct {
	// +optional
	// +patchMergeKey=type
	// +patchStrategy=merge
	// +listType=map
	// +listMapKey=type
	Conditions []DetailedCondition `json:"conditions,omitempty" patchMergeKey:"type" patchStrategy:"merge"`
}
