package kind

import (
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

// contourConfiguration is a kind that manifests may hold, and that the store does not hold: the one object of it that
// counts becomes part of the configuration.
func contourConfiguration() Descriptor {
	return Descriptor{
		Kind: kobj.ContourConfiguration, GroupVersion: contourv1alpha1.GroupVersion, Need: Never,
		AddToScheme: contourv1alpha1.AddToScheme,
		New:         func() Object { return &contourv1alpha1.ContourConfiguration{} },
		Manifest:    &Manifest{},
	}
}
