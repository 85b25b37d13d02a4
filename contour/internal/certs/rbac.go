package certs

// The permissions of contour certgen at the API server, in its own namespace: `make fix-generate` generates
// manifests/base/certgen-role.yaml from these markers.
//
// +kubebuilder:rbac:groups="",namespace=projectcontour,resources=secrets,verbs=create
// +kubebuilder:rbac:groups="",namespace=projectcontour,resources=secrets,resourceNames=contourcert;envoycert,verbs=get;update
