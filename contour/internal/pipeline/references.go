package pipeline

import (
	"cmp"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ingress"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/kobj"
)

// references are the Services, Secrets and included HTTPProxies that an HTTPProxy or Ingress cannot be served without, in
// any order, some of them twice; none of any other object.
func references(o metav1.Object) []kobj.Key {
	switch o := o.(type) {
	case *contourv1.HTTPProxy:
		return referencesOfProxy(o)
	case *networkingv1.Ingress:
		return referencesOfIngress(o)
	default:
		return nil
	}
}

func referencesOfProxy(p *contourv1.HTTPProxy) (keys []kobj.Key) {
	if v := p.Spec.VirtualHost; v != nil && v.TLS != nil {
		keys = appendSecret(keys, p.Namespace, v.TLS.SecretName)
		if c := v.TLS.ClientValidation; c != nil {
			keys = appendSecret(keys, p.Namespace, c.CACertificate)
		}
	}
	for i := range p.Spec.Routes {
		keys = appendServices(keys, p.Namespace, p.Spec.Routes[i].Services)
	}
	for _, i := range p.Spec.Includes {
		keys = appendProxy(keys, p.Namespace, i.Namespace, i.Name)
	}
	if t := p.Spec.TCPProxy; t != nil {
		keys = appendServices(keys, p.Namespace, t.Services)
		if t.Include != nil {
			keys = appendProxy(keys, p.Namespace, t.Include.Namespace, t.Include.Name)
		}
	}
	return keys
}

func referencesOfIngress(i *networkingv1.Ingress) (keys []kobj.Key) {
	service := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil {
			keys = append(keys, kobj.Of(kobj.Service, i.Namespace, b.Service.Name))
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
	secrets := cmp.Or(i.Annotations[ingress.CertNamespace], i.Namespace)
	for _, tls := range i.Spec.TLS {
		keys = appendSecret(keys, secrets, tls.SecretName)
	}
	return keys
}

func appendServices(keys []kobj.Key, namespace string, services []contourv1.Service) []kobj.Key {
	for i := range services {
		keys = append(keys, kobj.Of(kobj.Service, namespace, services[i].Name))
		if v := services[i].UpstreamValidation; v != nil {
			keys = appendSecret(keys, namespace, v.CACertificate)
		}
	}
	return keys
}

func appendSecret(keys []kobj.Key, namespace, name string) []kobj.Key {
	if name == "" {
		return keys
	}
	return append(keys, kobj.Key{Kind: kobj.Secret, Name: ref.SecretName(namespace, name)})
}

// appendProxy adds an HTTPProxy that one in the namespace includes.
func appendProxy(keys []kobj.Key, namespace, of, name string) []kobj.Key {
	if of == "" {
		of = namespace
	}
	return append(keys, kobj.Of(kobj.HTTPProxy, of, name))
}
