package store

import (
	"bytes"
	"maps"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// The functions below say, kind by kind, whether two states of an object can lead to different results:
// status, labels, managed fields, resource versions and foreign annotations cannot.

func equalMeta(a, b *metav1.ObjectMeta) bool {
	return a.UID == b.UID && a.Generation == b.Generation && a.CreationTimestamp.Equal(&b.CreationTimestamp) &&
		equalAnnotations(a.Annotations, b.Annotations)
}

func equalAnnotations(a, b map[string]string) bool {
	return subset(a, b) && subset(b, a)
}

// subset reports whether every annotation of a that matters stands in b too.
func subset(a, b map[string]string) bool {
	for k, v := range a {
		if w, ok := b[k]; Relevant(k) && (!ok || v != w) {
			return false
		}
	}
	return true
}

func equalHTTPProxy(a, b *contourv1.HTTPProxy) bool {
	return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && reflect.DeepEqual(a.Spec, b.Spec)
}

func equalDelegation(a, b *contourv1.TLSCertificateDelegation) bool {
	return reflect.DeepEqual(a.Spec, b.Spec)
}

func equalIngress(a, b *networkingv1.Ingress) bool {
	return equalMeta(&a.ObjectMeta, &b.ObjectMeta) && reflect.DeepEqual(a.Spec, b.Spec)
}

func equalService(a, b *corev1.Service) bool {
	return equalAnnotations(a.Annotations, b.Annotations) && a.Spec.Type == b.Spec.Type &&
		a.Spec.ExternalName == b.Spec.ExternalName && reflect.DeepEqual(a.Spec.Ports, b.Spec.Ports) &&
		reflect.DeepEqual(a.Status.LoadBalancer, b.Status.LoadBalancer)
}

func equalSecret(a, b *corev1.Secret) bool {
	return a.Type == b.Type && maps.EqualFunc(a.Data, b.Data, bytes.Equal)
}

func equalEndpointSlice(a, b *discoveryv1.EndpointSlice) bool {
	return a.AddressType == b.AddressType &&
		a.Labels[discoveryv1.LabelServiceName] == b.Labels[discoveryv1.LabelServiceName] &&
		reflect.DeepEqual(a.Ports, b.Ports) && reflect.DeepEqual(a.Endpoints, b.Endpoints)
}
