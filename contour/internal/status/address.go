package status

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"

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
