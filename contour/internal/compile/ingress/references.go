package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// References returns the references of an Ingress to the Services and Secrets that it needs, in any order, possibly with
// duplicates. They include every object that its derivation reads and does not find.
func References(i *networkingv1.Ingress) []kind.Reference {
	from := kobj.Of(kobj.Ingress, i.Namespace, i.Name)
	var refs []kind.Reference
	service := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil {
			refs = append(refs, kind.Reference{From: from, To: kobj.Of(kobj.Service, i.Namespace, b.Service.Name)})
		}
	}
	service(i.Spec.DefaultBackend)
	for _, rule := range i.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for j := range rule.HTTP.Paths {
			service(&rule.HTTP.Paths[j].Backend)
		}
	}
	namespace := secretNamespace(i)
	for _, tls := range i.Spec.TLS {
		if tls.SecretName != "" {
			refs = append(refs, ref.ToSecret(from, ref.SecretName(namespace, tls.SecretName)))
		}
	}
	return refs
}
