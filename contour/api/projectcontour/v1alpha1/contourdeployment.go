package v1alpha1

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// ContourDeployment contains the parameters of a GatewayClass: how the provisioner
// installs the controller and the Envoys of its Gateways.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=contourdeployments,shortName=contourdeploy,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
type ContourDeployment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec ContourDeploymentSpec `json:"spec,omitempty"`
	// +optional
	Status ContourDeploymentStatus `json:"status,omitempty"`
}

// ContourDeploymentList is a list of ContourDeployments.
//
// +kubebuilder:object:root=true
type ContourDeploymentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []ContourDeployment `json:"items"`
}

// ContourDeploymentSpec is what the provisioner installs.
type ContourDeploymentSpec struct {
	// The controller.
	// +optional
	Contour *ContourSettings `json:"contour,omitempty"`
	// The Envoys.
	// +optional
	Envoy *EnvoySettings `json:"envoy,omitempty"`
	// The configuration that the controller runs with.
	// +optional
	RuntimeSettings *ContourConfigurationSpec `json:"runtimeSettings,omitempty"`
	// Deprecated: put labels on the Gateway (spec.infrastructure) instead.
	// Labels of all objects that the provisioner makes.
	// +optional
	ResourceLabels map[string]string `json:"resourceLabels,omitempty"`
}

// LogLevel is how much a process logs. The controller knows info and debug;
// Envoy knows all of them.
type LogLevel string

// The log levels, from most to least.
const (
	TraceLog    LogLevel = "trace"
	DebugLog    LogLevel = "debug"
	InfoLog     LogLevel = "info"
	WarnLog     LogLevel = "warn"
	ErrorLog    LogLevel = "error"
	CriticalLog LogLevel = "critical"
	OffLog      LogLevel = "off"
)

// ContourSettings describes the pods of the controller.
type ContourSettings struct {
	// Deprecated: use deployment.replicas instead.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas int32 `json:"replicas,omitempty"`
	// Where pods may run.
	// +optional
	NodePlacement *NodePlacement `json:"nodePlacement,omitempty"`
	// Log level of the Kubernetes client, from 0 to 9.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9
	KubernetesLogLevel uint8 `json:"kubernetesLogLevel,omitempty"`
	// Log level: info or debug; info if empty.
	// +optional
	LogLevel LogLevel `json:"logLevel,omitempty"`
	// Resources of the container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`
	// The Deployment.
	// +optional
	Deployment *DeploymentSettings `json:"deployment,omitempty"`
	// Annotations of pods.
	// +optional
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`
	// The namespaces to watch; all if empty.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=42
	WatchNamespaces []contourv1.Namespace `json:"watchNamespaces,omitempty"`
	// Parts of the controller to turn off.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=42
	DisabledFeatures []contourv1.Feature `json:"disabledFeatures,omitempty"`
}

// DeploymentSettings describes a Deployment.
type DeploymentSettings struct {
	// Number of pods; 2 if 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas int32 `json:"replicas,omitempty"`
	// How pods are replaced.
	// +optional
	Strategy *appsv1.DeploymentStrategy `json:"strategy,omitempty"`
}

// DaemonSetSettings describes a DaemonSet.
type DaemonSetSettings struct {
	// How pods are replaced.
	// +optional
	UpdateStrategy *appsv1.DaemonSetUpdateStrategy `json:"updateStrategy,omitempty"`
}

// WorkloadType is the kind of object that runs the Envoys.
type WorkloadType string

const (
	// WorkloadTypeDaemonSet runs one Envoy per node.
	WorkloadTypeDaemonSet WorkloadType = "DaemonSet"
	// WorkloadTypeDeployment runs a number of Envoys anywhere.
	WorkloadTypeDeployment WorkloadType = "Deployment"
)

// EnvoySettings describes the pods of Envoy.
type EnvoySettings struct {
	// DaemonSet or Deployment; DaemonSet if empty.
	// +optional
	WorkloadType WorkloadType `json:"workloadType,omitempty"`
	// How clients reach Envoy.
	// +optional
	NetworkPublishing *NetworkPublishing `json:"networkPublishing,omitempty"`
	// Where pods may run.
	// +optional
	NodePlacement *NodePlacement `json:"nodePlacement,omitempty"`
	// More volumes of the pods.
	// +optional
	ExtraVolumes []corev1.Volume `json:"extraVolumes,omitempty"`
	// More volume mounts of the Envoy container.
	// +optional
	ExtraVolumeMounts []corev1.VolumeMount `json:"extraVolumeMounts,omitempty"`
	// Annotations of pods.
	// +optional
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`
	// Deprecated: use deployment.replicas instead.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas int32 `json:"replicas,omitempty"`
	// Log level of Envoy; info if empty.
	// +optional
	LogLevel LogLevel `json:"logLevel,omitempty"`
	// Resources of the container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`
	// The DaemonSet, if workloadType is DaemonSet.
	// +optional
	DaemonSet *DaemonSetSettings `json:"daemonSet,omitempty"`
	// The Deployment, if workloadType is Deployment.
	// +optional
	Deployment *DeploymentSettings `json:"deployment,omitempty"`
	// Number that keeps apart the shared memory of Envoys on one node.
	// +optional
	// +kubebuilder:validation:Minimum=0
	BaseID int32 `json:"baseID,omitempty"`
	// Heap size in bytes near which Envoy sheds load; no limit if 0.
	// +optional
	OverloadMaxHeapSize uint64 `json:"overloadMaxHeapSize,omitempty"`
	// Number of client connections above which Envoy rejects more; no limit if 0.
	// +optional
	OverloadMaxDownstreamConnections int64 `json:"overloadMaxDownstreamConnections,omitempty"`
}

// NetworkPublishingType is how clients reach Envoy.
type NetworkPublishingType string

const (
	// LoadBalancerServicePublishingType makes a Service of type LoadBalancer.
	LoadBalancerServicePublishingType NetworkPublishingType = "LoadBalancerService"
	// NodePortServicePublishingType makes a Service of type NodePort.
	NodePortServicePublishingType NetworkPublishingType = "NodePortService"
	// ClusterIPServicePublishingType makes a Service of type ClusterIP.
	ClusterIPServicePublishingType NetworkPublishingType = "ClusterIPService"
)

// NetworkPublishing describes the Service of Envoy.
type NetworkPublishing struct {
	// LoadBalancerService, NodePortService or ClusterIPService;
	// LoadBalancerService if empty.
	// +optional
	Type NetworkPublishingType `json:"type,omitempty"`
	// IP families of the Service; SingleStack if empty.
	// +optional
	IPFamilyPolicy corev1.IPFamilyPolicy `json:"ipFamilyPolicy,omitempty"`
	// Annotations of the Service.
	// +optional
	ServiceAnnotations map[string]string `json:"serviceAnnotations,omitempty"`
	// Whether a node passes traffic on to other nodes; Local if empty.
	// +optional
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
}

// NodePlacement specifies on which nodes pods may run.
type NodePlacement struct {
	// Labels that a node has to have.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Taints that are tolerated.
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}

// ContourDeploymentStatus is what is reported about a ContourDeployment.
type ContourDeploymentStatus struct {
	// +optional
	// +patchMergeKey=type
	// +patchStrategy=merge
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty" patchMergeKey:"type" patchStrategy:"merge"`
}
