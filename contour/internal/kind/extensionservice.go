package kind

import (
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

// extensionService may be in manifests; no derivation reads it yet.
func extensionService() Descriptor {
	return Descriptor{
		Kind: kobj.ExtensionService, GroupVersion: contourv1alpha1.GroupVersion, Need: Never,
		AddToScheme: contourv1alpha1.AddToScheme,
		New:         func() Object { return &contourv1alpha1.ExtensionService{} },
		Manifest:    &Manifest{},
	}
}
