package kind

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:roleName=contour-gateway-api,groups="",resources=namespaces,verbs=list;watch

// namespace is watched for its labels, with which a listener of a Gateway selects the namespaces of its routes.
func namespace() Descriptor {
	return Descriptor{
		Kind: kobj.Namespace, GroupVersion: corev1.SchemeGroupVersion, Resource: "namespaces", ClusterScoped: true, Need: GatewayAPI,
		AddToScheme: corev1.AddToScheme,
		New:         func() Object { return &corev1.Namespace{} },
		Trim: trims(func(n *corev1.Namespace) {
			labels := n.Labels
			trimMeta(&n.ObjectMeta)
			n.Labels, n.Annotations = labels, nil
			n.Spec, n.Status = corev1.NamespaceSpec{}, corev1.NamespaceStatus{}
		}),
		Equal: equals(func(a, b *corev1.Namespace) bool { return maps.Equal(a.Labels, b.Labels) }),
		Manifest: &Manifest{Complete: completes(func(n *corev1.Namespace) ([]Problem, bool) {
			labels := maps.Clone(n.Labels)
			if labels == nil {
				labels = map[string]string{}
			}
			labels[corev1.LabelMetadataName] = n.Name
			n.Labels = labels
			return nil, true
		})},
	}
}
