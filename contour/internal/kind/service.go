package kind

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:groups="",resources=services,verbs=list;watch

func service() Descriptor {
	return Descriptor{
		Kind: kobj.Service, GroupVersion: corev1.SchemeGroupVersion, Resource: "services",
		AddToScheme:   corev1.AddToScheme,
		New:           func() Object { return &corev1.Service{} },
		Trim:          trims(trimService),
		Equal:         equals(equalService),
		DeletionWaits: true,
		Parts:         kobj.EndpointSlice,
		Manifest:      &Manifest{Complete: completes(completeService)},
	}
}

func trimService(s *corev1.Service) {
	trimMeta(&s.ObjectMeta)
	s.Spec = corev1.ServiceSpec{Ports: s.Spec.Ports, Type: s.Spec.Type, ExternalName: s.Spec.ExternalName}
	s.Status = corev1.ServiceStatus{LoadBalancer: s.Status.LoadBalancer}
}

func equalService(a, b *corev1.Service) bool {
	return equalAnnotations(a.Annotations, b.Annotations) && a.Spec.Type == b.Spec.Type &&
		a.Spec.ExternalName == b.Spec.ExternalName && reflect.DeepEqual(a.Spec.Ports, b.Spec.Ports) &&
		reflect.DeepEqual(a.Status.LoadBalancer, b.Status.LoadBalancer)
}

func completeService(s *corev1.Service) ([]Problem, bool) {
	if s.Spec.Type == "" {
		s.Spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range s.Spec.Ports {
		if s.Spec.Ports[i].Protocol == "" {
			s.Spec.Ports[i].Protocol = corev1.ProtocolTCP
		}
	}
	return nil, true
}
