package app

// What the controller may do at the API server: `make fix-generate` makes manifests/base/role.yaml of these markers, and
// a test holds them against what contour serve asks of one.
//
// It keeps what it watches in memory and therefore needs no get; a status is patched without the object being read.
//
// +kubebuilder:rbac:groups="",resources=secrets;services,verbs=list;watch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=list;watch
// +kubebuilder:rbac:groups=projectcontour.io,resources=httpproxies;tlscertificatedelegations,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses/status,verbs=patch
// +kubebuilder:rbac:groups=projectcontour.io,resources=httpproxies/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create
//
// The election of a leader, in the controller's own namespace. A rule for create cannot name what is created.
//
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=projectcontour,resources=leases,verbs=create
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=projectcontour,resources=leases,resourceNames=leader-elect,verbs=get;update
