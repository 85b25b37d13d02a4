package provision

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
)

// Node ports that Kubernetes assigns by default.
const firstNodePort, lastNodePort = 30000, 32767

// services returns a Service for each static address, since load balancers assign one to each, and one for any address.
func (b *builder) services() []Object {
	f := b.fleet
	if len(f.Ports) == 0 {
		return nil // a Service has at least one port
	}
	names := ServiceNames(f.Gateway.Name, f.Addresses, f.Assign)
	out := make([]Object, 0, len(names))
	for i, name := range names {
		address := ""
		if i < min(len(f.Addresses), MaxAddresses) {
			address = f.Addresses[i]
		}
		out = append(out, b.service(name, address))
	}
	return out
}

// service returns a Service, with a static address unless that is empty.
func (b *builder) service(name, address string) Object {
	published := contourv1alpha1.NetworkPublishing{}
	if p := b.envoy.NetworkPublishing; p != nil {
		published = *p
	}
	family := cmp.Or(published.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack)
	s := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: b.meta(name, union(
			// AWS's classic load balancer would use HTTP to Envoy; TCP does not interfere with TLS and WebSockets.
			map[string]string{"service.beta.kubernetes.io/aws-load-balancer-backend-protocol": "tcp"},
			published.ServiceAnnotations,
		)),
		Spec: corev1.ServiceSpec{Selector: b.selector(), IPFamilyPolicy: &family, Ports: b.servicePorts(published.Type)},
	}
	switch published.Type {
	case contourv1alpha1.ClusterIPServicePublishingType:
		s.Spec.Type = corev1.ServiceTypeClusterIP
		return s
	case contourv1alpha1.NodePortServicePublishingType:
		s.Spec.Type = corev1.ServiceTypeNodePort
	default:
		s.Spec.Type, s.Spec.LoadBalancerIP = corev1.ServiceTypeLoadBalancer, address
	}
	s.Spec.ExternalTrafficPolicy = cmp.Or(published.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyLocal)
	return s
}

func (b *builder) servicePorts(published contourv1alpha1.NetworkPublishingType) []corev1.ServicePort {
	ports := make([]corev1.ServicePort, 0, len(b.fleet.Ports))
	for _, p := range b.fleet.Ports {
		port := corev1.ServicePort{
			Name: fmt.Sprintf("tcp-%d", p.Number), Protocol: corev1.ProtocolTCP, Port: p.Number, TargetPort: intstr.FromInt32(p.Number),
		}
		if p.UDP {
			port.Name, port.Protocol = fmt.Sprintf("udp-%d", p.Number), corev1.ProtocolUDP
		}
		if published == contourv1alpha1.NodePortServicePublishingType && p.Number >= firstNodePort && p.Number <= lastNodePort {
			port.NodePort = p.Number
		}
		ports = append(ports, port)
	}
	return ports
}
