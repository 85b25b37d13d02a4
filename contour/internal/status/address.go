package status

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// deriveAddresses returns the addresses of Envoy: the configured ones, otherwise those in the status of the Envoy Service.
func (t *Status) deriveAddresses(r *memo.Reader, _ struct{}) []corev1.LoadBalancerIngress {
	c := t.store.Settings.Status.Get(r)
	if len(c.Addresses) > 0 {
		return parseAddresses(c.Addresses)
	}
	svc, ok := t.store.Services.Get(r, kobj.Name{Namespace: c.EnvoyService.Namespace, Name: c.EnvoyService.Name})
	if !ok {
		return nil
	}
	return svc.Status.LoadBalancer.Ingress
}

// parseAddresses distinguishes IP addresses from hostnames.
func parseAddresses(addresses []string) []corev1.LoadBalancerIngress {
	var out []corev1.LoadBalancerIngress
	for _, a := range addresses {
		a = strings.TrimSpace(a)
		switch ip, err := netip.ParseAddr(a); {
		case err == nil:
			out = append(out, corev1.LoadBalancerIngress{IP: ip.String()})
		case a != "":
			out = append(out, corev1.LoadBalancerIngress{Hostname: strings.ToLower(a)})
		}
	}
	return out
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
