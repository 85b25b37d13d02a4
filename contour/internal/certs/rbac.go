package certs

// What contour certgen may do at the API server, in its own namespace: `make fix-generate` makes
// manifests/base/certgen-role.yaml of these markers.
//
// +kubebuilder:rbac:groups="",namespace=projectcontour,resources=secrets,verbs=create
// +kubebuilder:rbac:groups="",namespace=projectcontour,resources=secrets,resourceNames=contourcert;envoycert,verbs=update
