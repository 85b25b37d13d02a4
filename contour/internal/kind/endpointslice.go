package kind

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list;watch

func endpointSlice() Descriptor {
	return Descriptor{
		Kind: kobj.EndpointSlice, GroupVersion: discoveryv1.SchemeGroupVersion, Resource: "endpointslices",
		AddToScheme:   discoveryv1.AddToScheme,
		New:           func() Object { return &discoveryv1.EndpointSlice{} },
		Trim:          trims(trimEndpointSlice),
		Equal:         equals(equalEndpointSlice),
		DeletionWaits: true,
		Owner:         serviceOf,
		Manifest:      &Manifest{Complete: completes(completeSlice)},
	}
}

// UnresolvedAnnotation is set, by the source that resolves ExternalName Services only, on an EndpointSlice of such a Service whose name
// cannot be resolved: why, as the end of a sentence. Annotations of other EndpointSlices are not stored.
const UnresolvedAnnotation = "projectcontour.io/unresolved"

// serviceOf returns the Service of an EndpointSlice.
func serviceOf(o metav1.Object) (kobj.Name, bool) {
	e, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return kobj.Name{}, false
	}
	return kobj.Name{Namespace: e.Namespace, Name: e.Labels[discoveryv1.LabelServiceName]}, true
}

func trimEndpointSlice(s *discoveryv1.EndpointSlice) {
	service := s.Labels[discoveryv1.LabelServiceName]
	trimMeta(&s.ObjectMeta)
	s.Annotations = nil
	s.Labels = map[string]string{discoveryv1.LabelServiceName: service}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		e.TargetRef, e.Hostname, e.NodeName, e.DeprecatedTopology = nil, nil, nil, nil
	}
}

func equalEndpointSlice(a, b *discoveryv1.EndpointSlice) bool {
	return a.AddressType == b.AddressType && a.Annotations[UnresolvedAnnotation] == b.Annotations[UnresolvedAnnotation] &&
		a.Labels[discoveryv1.LabelServiceName] == b.Labels[discoveryv1.LabelServiceName] &&
		reflect.DeepEqual(a.Ports, b.Ports) && reflect.DeepEqual(a.Endpoints, b.Endpoints)
}

func completeSlice(s *discoveryv1.EndpointSlice) ([]Problem, bool) {
	if s.AddressType == "" {
		return []Problem{{"addressType", "The field is required; the object is not loaded."}}, false
	}
	for i := range s.Ports {
		p := &s.Ports[i]
		if p.Name == nil {
			p.Name = new("")
		}
		if p.Protocol == nil {
			p.Protocol = new(corev1.ProtocolTCP)
		}
	}
	return nil, true
}
