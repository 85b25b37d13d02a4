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

// ca returns a CA bundle, PEM, from the Secret n.
func ca(n kobj.Name, pem []byte) *table.Resource {
	return secret(n, &tlsv3.Secret{
		Name: caName(n),
		Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: inline(pem)}},
	})
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
