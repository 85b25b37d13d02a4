package backend

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/harness/kube"
)

// ServiceSpec describes a Service whose endpoints are test servers.
type ServiceSpec struct {
	Namespace, Name string
	// Port is the Service's port; PortName its name, empty for none.
	Port     int
	PortName string
	// AppProtocol of the port, empty for none.
	AppProtocol string
	// Annotations of the Service, for example the upstream protocol.
	Annotations map[string]string
	// DeadPort is a second port of the Service, named dead, on which nothing listens; 0 for none.
	DeadPort int
	// Servers are the endpoints, all ready.
	Servers []*Server
}

// DeadName is the name of ServiceSpec.DeadPort, and DeadNumber its number at the endpoints: that of a protocol to discard bytes
// which nobody serves any more (RFC 863).
const (
	DeadName         = "dead"
	DeadNumber int32 = 9
)

// Objects is the Service and its endpoints: a slice for every server, so that
// each may have a port of its own. To change endpoints, apply again and delete the
// slices (see SliceName) of servers that were removed.
func (s ServiceSpec) Objects() ([]*kube.Object, error) {
	typed := []any{s.service()}
	for i := range s.Servers {
		typed = append(typed, s.slice(i))
	}
	objects := make([]*kube.Object, 0, len(typed))
	for _, t := range typed {
		o, err := kube.FromTyped(t)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", s.Name, err)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// SliceName is the name of the EndpointSlice of the i-th server.
func (s ServiceSpec) SliceName(i int) string { return fmt.Sprintf("%s-%d", s.Name, i) }

func (s ServiceSpec) service() *corev1.Service {
	port := corev1.ServicePort{Name: s.PortName, Port: int32(s.Port), Protocol: corev1.ProtocolTCP}
	if s.AppProtocol != "" {
		port.AppProtocol = &s.AppProtocol
	}
	ports := []corev1.ServicePort{port}
	if s.DeadPort != 0 {
		ports = append(ports, corev1.ServicePort{Name: DeadName, Port: int32(s.DeadPort), Protocol: corev1.ProtocolTCP})
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name, Annotations: s.Annotations},
		Spec:       corev1.ServiceSpec{Ports: ports},
	}
}

func (s ServiceSpec) slice(i int) *discoveryv1.EndpointSlice {
	address := s.Servers[i].Address()
	port, protocol, ready := int32(address.Port()), corev1.ProtocolTCP, true
	ports := []discoveryv1.EndpointPort{{Name: &s.PortName, Port: &port, Protocol: &protocol}}
	if s.DeadPort != 0 {
		name, dead := DeadName, DeadNumber
		ports = append(ports, discoveryv1.EndpointPort{Name: &name, Port: &dead, Protocol: &protocol})
	}
	return &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.SliceName(i),
			Labels: map[string]string{discoveryv1.LabelServiceName: s.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses:  []string{address.Addr().String()},
			Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready},
		}},
		Ports: ports,
	}
}
