package kind

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups="",resources=configmaps,verbs=list;watch

// configMap is watched only for the Gateway API, where CA bundles are in ConfigMaps. Clusters have many large ConfigMaps,
// and their contents may be confidential: without the Gateway API the controller has no permission to read them.
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
	maps.DeleteFunc(c.Data, func(key, _ string) bool { return !usesConfigMapKey(key) })
	if len(c.Data) == 0 {
		c.Data = nil
	}
}

// usesConfigMapKey reports whether a derivation reads the data under that key of a ConfigMap; one that reads another key must
// add it here.
func usesConfigMapKey(key string) bool { return key == "ca.crt" }
