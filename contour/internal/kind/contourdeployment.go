package kind

import (
	"reflect"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups=projectcontour.io,resources=contourdeployments,verbs=list;watch

// contourDeployment is the parameters of GatewayClasses and Gateways. The controller writes no status of it: what is wrong with the
// parameters is a condition of the object that refers to them.
func contourDeployment() Descriptor {
	return Descriptor{
		Kind: kobj.ContourDeployment, GroupVersion: contourv1alpha1.GroupVersion, Resource: "contourdeployments", Need: GatewayAPI,
		AddToScheme: contourv1alpha1.AddToScheme,
		New:         func() Object { return &contourv1alpha1.ContourDeployment{} },
		Trim: trims(func(d *contourv1alpha1.ContourDeployment) {
			trimMeta(&d.ObjectMeta)
			d.Annotations, d.Status = nil, contourv1alpha1.ContourDeploymentStatus{}
		}),
		Equal: equals(func(a, b *contourv1alpha1.ContourDeployment) bool {
			return sameSpec(&a.ObjectMeta, &b.ObjectMeta) || reflect.DeepEqual(a.Spec, b.Spec)
		}),
		Manifest: &Manifest{},
	}
}
