package app

// What the controller may do at the API server: `make fix-generate` makes manifests/base/role.yaml of these markers and of
// those in package kind, which say what is watched and which status is written. A test compares the result with what contour
// serve asks of an API server.
//
// It keeps what it watches in memory and therefore needs no get; a status is patched without the object being read.
//
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create
//
// Its own configuration, in its own namespace, if it is an object.
//
// +kubebuilder:rbac:groups=projectcontour.io,namespace=projectcontour,resources=contourconfigurations,verbs=list;watch
// +kubebuilder:rbac:groups=projectcontour.io,namespace=projectcontour,resources=contourconfigurations/status,verbs=patch
//
// The election of a leader, in the controller's own namespace. A rule for create cannot name what is created.
//
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=projectcontour,resources=leases,verbs=create
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=projectcontour,resources=leases,resourceNames=leader-elect,verbs=get;update
//
// The verdicts of Envoys, which replicas share. The ConfigMap is part of the manifests: nothing has to be created.
//
// +kubebuilder:rbac:groups="",namespace=projectcontour,resources=configmaps,resourceNames=leader-elect-verdicts,verbs=list;watch;patch
//
// The certificates of the xDS connection, with --renew-certificates.
//
// +kubebuilder:rbac:groups="",namespace=projectcontour,resources=secrets,resourceNames=contourcert;envoycert,verbs=get;update
