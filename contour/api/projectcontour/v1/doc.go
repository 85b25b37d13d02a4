// Package v1 contains the Go types of the projectcontour.io/v1 API: HTTPProxy and
// TLSCertificateDelegation, with the structs they share with v1alpha1.
//
// The JSON field names, types and validation are Contour's, so that manifests
// and clients written for Contour work unchanged. The types carry data only:
// defaults and validation are schema markers, and what a field means for
// traffic is decided by the packages that compile the objects.
// The CustomResourceDefinitions and the deepcopy functions are generated.
//
// +kubebuilder:object:generate=true
// +groupName=projectcontour.io
package v1
