package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// certificate returns a certificate chain with its private key, both PEM, from the Secret n.
func certificate(n kobj.Name, chain, key []byte) *table.Resource {
	return namedCertificate(certificateName(n), n, chain, key)
}

// namedCertificate returns the certificate with another name.
func namedCertificate(name string, n kobj.Name, chain, key []byte) *table.Resource {
	return secret(n, &tlsv3.Secret{
		Name: name,
		Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: inline(chain), PrivateKey: inline(key),
		}},
	})
}

// validationContext returns the CA bundle of k, PEM, with its revocation lists, PEM, if there are any.
func validationContext(k secretKey, authorities, lists []byte) *table.Resource {
	context := &tlsv3.CertificateValidationContext{TrustedCa: inline(authorities)}
	if len(lists) > 0 {
		context.Crl = inline(lists)
	}
	r := secret(k.name, &tlsv3.Secret{Name: validationName(k), Type: &tlsv3.Secret_ValidationContext{ValidationContext: context}})
	if k.crl != (kobj.Name{}) && k.crl != k.name {
		r.Origins = kobj.Sort(append(r.Origins, kobj.Key{Kind: kobj.Secret, Name: k.crl}))
	}
	return r
}

func secret(n kobj.Name, s *tlsv3.Secret) *table.Resource {
	e := &encoder{}
	body := e.bytes(s)
	return &table.Resource{
		Ref: table.Ref{Type: table.Secret, Name: s.GetName()}, Body: body,
		Origins: []kobj.Key{{Kind: kobj.Secret, Name: n}}, Invalid: e.invalid(),
	}
}

func inline(pem []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: pem}}
}
