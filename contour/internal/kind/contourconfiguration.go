package kind

import (
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

// contourConfiguration is read only from manifests and not stored: the object that is selected becomes part of the
// configuration.
func contourConfiguration() Descriptor {
	return Descriptor{
		Kind: kobj.ContourConfiguration, GroupVersion: contourv1alpha1.GroupVersion, Need: Never,
		AddToScheme: contourv1alpha1.AddToScheme,
		New:         func() Object { return &contourv1alpha1.ContourConfiguration{} },
		Manifest:    &Manifest{},
	}
}
