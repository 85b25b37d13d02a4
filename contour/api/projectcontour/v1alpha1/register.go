package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of all kinds of this package.
const GroupName = "projectcontour.io"

// Group and resource identifiers, for scheme registration and dynamic clients.
//
//nolint:gochecknoglobals // The names that Kubernetes clients expect of an API package; never written.
var (
	GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

	ExtensionServiceGVR     = GroupVersion.WithResource("extensionservices")
	ContourConfigurationGVR = GroupVersion.WithResource("contourconfigurations")
	ContourDeploymentGVR    = GroupVersion.WithResource("contourdeployments")
)

// Resource returns the group-qualified form of an unqualified resource name.
func Resource(resource string) schema.GroupResource {
	return GroupVersion.WithResource(resource).GroupResource()
}

// Kind returns the group-qualified form of an unqualified kind name.
func Kind(kind string) schema.GroupKind {
	return GroupVersion.WithKind(kind).GroupKind()
}

// AddToScheme registers the kinds of this package. The error is always nil; it
// exists to satisfy the signature of runtime.SchemeBuilder.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ExtensionService{}, &ExtensionServiceList{},
		&ContourConfiguration{}, &ContourConfigurationList{},
		&ContourDeployment{}, &ContourDeploymentList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
