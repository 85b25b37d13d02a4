package kind

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/provision"
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

// trimService keeps the Gateway and the addresses of Services in front of the fleets of Gateways.
func trimService(s *corev1.Service) {
	gateway, addresses := s.Labels[provision.GatewayLabel], s.Spec.ClusterIPs
	trimMeta(&s.ObjectMeta)
	s.Spec = corev1.ServiceSpec{Ports: s.Spec.Ports, Type: s.Spec.Type, ExternalName: s.Spec.ExternalName, SessionAffinity: s.Spec.SessionAffinity}
	if s.Spec.SessionAffinity != corev1.ServiceAffinityClientIP { // the default is in all Services
		s.Spec.SessionAffinity = ""
	}
	if gateway != "" {
		s.Labels, s.Spec.ClusterIPs = map[string]string{provision.GatewayLabel: gateway}, addresses
	}
	s.Status = corev1.ServiceStatus{LoadBalancer: s.Status.LoadBalancer}
}

func equalService(a, b *corev1.Service) bool {
	return equalAnnotations(a.Annotations, b.Annotations) && a.Spec.Type == b.Spec.Type &&
		a.Labels[provision.GatewayLabel] == b.Labels[provision.GatewayLabel] && slices.Equal(a.Spec.ClusterIPs, b.Spec.ClusterIPs) &&
		a.Spec.SessionAffinity == b.Spec.SessionAffinity && a.Spec.ExternalName == b.Spec.ExternalName && reflect.DeepEqual(a.Spec.Ports, b.Spec.Ports) &&
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
