package kind

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kobj"
)

// endpointsKind is the kind of handwritten endpoints, which are converted to EndpointSlices.
const endpointsKind kobj.Kind = "Endpoints"

// endpoints is read only from manifests: it is deprecated in favour of EndpointSlice, but still common in handwritten files.
func endpoints() Descriptor {
	return Descriptor{
		Kind: endpointsKind, GroupVersion: corev1.SchemeGroupVersion, Need: Never,
		AddToScheme: corev1.AddToScheme,
		New:         func() Object { return &corev1.Endpoints{} }, //nolint:staticcheck // see above
		Manifest: &Manifest{Expand: func(o metav1.Object) []Expanded {
			if e, ok := o.(*corev1.Endpoints); ok { //nolint:staticcheck // see above
				return slicesOf(e)
			}
			return nil
		}},
	}
}

// slicesOf converts Endpoints to EndpointSlices, one for each subset and address family.
func slicesOf(e *corev1.Endpoints) []Expanded { //nolint:staticcheck // see endpoints
	out := []Expanded{}
	for i := range e.Subsets {
		for _, family := range []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6} {
			if s := sliceOf(e, i, family); len(s.Endpoints) > 0 {
				out = append(out, Expanded{kobj.EndpointSlice, s})
			}
		}
	}
	return out
}

func sliceOf(e *corev1.Endpoints, i int, family discoveryv1.AddressType) *discoveryv1.EndpointSlice { //nolint:staticcheck // see endpoints
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:         e.Namespace,
			Name:              fmt.Sprintf("%s-%d-%s", e.Name, i, strings.ToLower(string(family))),
			Labels:            map[string]string{discoveryv1.LabelServiceName: e.Name},
			CreationTimestamp: e.CreationTimestamp,
		},
		AddressType: family,
	}
	subset := &e.Subsets[i]
	for _, p := range subset.Ports {
		protocol := p.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: new(p.Name), Port: new(p.Port), Protocol: &protocol, AppProtocol: p.AppProtocol})
	}
	s.Endpoints = append(endpointsOf(subset.Addresses, family, true), endpointsOf(subset.NotReadyAddresses, family, false)...)
	return s
}

func endpointsOf(addresses []corev1.EndpointAddress, family discoveryv1.AddressType, ready bool) []discoveryv1.Endpoint {
	var out []discoveryv1.Endpoint
	for _, a := range addresses {
		ip, err := netip.ParseAddr(a.IP)
		if err != nil || ip.Is4() != (family == discoveryv1.AddressTypeIPv4) {
			continue
		}
		out = append(out, discoveryv1.Endpoint{
			Addresses:  []string{a.IP},
			Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready},
			NodeName:   a.NodeName,
		})
	}
	return out
}
