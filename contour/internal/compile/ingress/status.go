package ingress

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Status returns the status of an Ingress. Its diagnostics are no part of it.
func Status(addresses []corev1.LoadBalancerIngress) *networkingv1.IngressStatus {
	return &networkingv1.IngressStatus{LoadBalancer: ingressAddresses(addresses)}
}

// ingressAddresses converts addresses to the types of networking.k8s.io.
func ingressAddresses(addresses []corev1.LoadBalancerIngress) networkingv1.IngressLoadBalancerStatus {
	var s networkingv1.IngressLoadBalancerStatus
	for _, a := range addresses {
		s.Ingress = append(s.Ingress, networkingv1.IngressLoadBalancerIngress{IP: a.IP, Hostname: a.Hostname, Ports: portStatuses(a.Ports)})
	}
	return s
}

func portStatuses(ports []corev1.PortStatus) []networkingv1.IngressPortStatus {
	var out []networkingv1.IngressPortStatus
	for _, p := range ports {
		out = append(out, networkingv1.IngressPortStatus{Port: p.Port, Protocol: p.Protocol, Error: p.Error})
	}
	return out
}
