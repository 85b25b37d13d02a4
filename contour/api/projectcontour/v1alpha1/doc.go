// Package v1alpha1 contains the Go types of the projectcontour.io/v1alpha1 API:
// ExtensionService, ContourConfiguration and ContourDeployment.
//
// The JSON field names, types and validation are Contour's, so that manifests
// and clients written for Contour work unchanged. The types carry data only:
// an unset field has no default here; the configuration and the provisioner
// decide what it means.
// The CustomResourceDefinitions and the deepcopy functions are generated.
//
// +kubebuilder:object:generate=true
// +groupName=projectcontour.io
package v1alpha1
