package httpproxy

import (
	"cmp"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// References returns the references of an HTTPProxy to the Services, Secrets, HTTPProxies and ExtensionServices that it needs,
// in any order, possibly with duplicates. They include every object that its derivation reads and does not find, except for
// the fallback certificate, which the configuration names.
func References(p *contourv1.HTTPProxy) []kind.Reference {
	refs := references{from: kobj.Of(kobj.HTTPProxy, p.Namespace, p.Name)}
	if v := p.Spec.VirtualHost; v != nil && v.TLS != nil {
		refs.secret(v.TLS.SecretName)
		if c := v.TLS.ClientValidation; c != nil {
			refs.secret(c.CACertificate)
			refs.secret(c.CertificateRevocationList)
		}
	}
	if v := p.Spec.VirtualHost; v != nil {
		refs.providers(v.JWTProviders)
	}
	if v := p.Spec.VirtualHost; v != nil && namesService(v.Authorization) {
		to := v.Authorization.ExtensionServiceRef
		refs.add(kobj.Of(kobj.ExtensionService, cmp.Or(to.Namespace, p.Namespace), to.Name))
	}
	for i := range p.Spec.Routes {
		refs.services(p.Spec.Routes[i].Services)
	}
	for i := range p.Spec.Includes {
		refs.proxy(p.Spec.Includes[i].Namespace, p.Spec.Includes[i].Name)
	}
	if t := p.Spec.TCPProxy; t != nil {
		refs.services(t.Services)
		if include, _ := tcpTarget(t); include != nil {
			refs.proxy(include.Namespace, include.Name)
		}
	}
	return refs.list
}

// references collects the references of one proxy.
type references struct {
	from kobj.Key
	list []kind.Reference
}

func (r *references) add(to kobj.Key) {
	r.list = append(r.list, kind.Reference{From: r.from, To: to})
}

func (r *references) services(services []contourv1.Service) {
	for i := range services {
		r.add(kobj.Of(kobj.Service, r.from.Namespace, services[i].Name))
		if v := services[i].UpstreamValidation; v != nil {
			r.secret(v.CACertificate)
		}
	}
}

// providers adds the Secrets of JWT providers. The keys in a Secret are never those of another namespace.
func (r *references) providers(providers []contourv1.JWTProvider) {
	for i := range providers {
		if local := providers[i].LocalJWKS; local != nil && local.SecretName != "" {
			r.add(kobj.Of(kobj.Secret, r.from.Namespace, local.SecretName))
		}
		if remote := providers[i].RemoteJWKS; remote != nil && remote.UpstreamValidation != nil {
			r.secret(remote.UpstreamValidation.CACertificate)
		}
	}
}

func (r *references) secret(name string) {
	if name != "" {
		r.list = append(r.list, ref.ToSecret(r.from, ref.SecretName(r.from.Namespace, name)))
	}
}

// proxy adds an included HTTPProxy.
func (r *references) proxy(namespace, name string) {
	r.add(kobj.Of(kobj.HTTPProxy, cmp.Or(namespace, r.from.Namespace), name))
}
