package kind

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups="",resources=configmaps,verbs=list;watch

// configMap is watched for Gateway API only, where CA bundles are in ConfigMaps. ConfigMaps are many and large, and what is
// in them is nobody's business: the rules of an installation without Gateway API do not allow to read them.
func configMap() Descriptor {
	return Descriptor{
		Kind: kobj.ConfigMap, GroupVersion: corev1.SchemeGroupVersion, Resource: "configmaps", Need: GatewayAPI,
		AddToScheme: corev1.AddToScheme,
		New:         func() Object { return &corev1.ConfigMap{} },
		Trim:        trims(trimConfigMap),
		Equal:       equals(func(a, b *corev1.ConfigMap) bool { return maps.Equal(a.Data, b.Data) }),
		Manifest:    &Manifest{},
	}
}

func trimConfigMap(c *corev1.ConfigMap) {
	trimMeta(&c.ObjectMeta)
	c.Annotations, c.BinaryData, c.Immutable = nil, nil, nil
	maps.DeleteFunc(c.Data, func(key, _ string) bool { return !configMapDataOfUse(key) })
	if len(c.Data) == 0 {
		c.Data = nil
	}
}

// configMapDataOfUse reports whether a derivation reads the data under that key of ConfigMaps. The code that comes to read a
// key adds it here, such as ca.crt; until then only the name of a ConfigMap is kept.
func configMapDataOfUse(string) bool { return false }
