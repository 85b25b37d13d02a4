package translate

import (
	"cmp"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

const tlsSocket = "envoy.transport_sockets.tls"

// verifies reports whether the backend's certificate is verified.
func verifies(c ir.Cluster) bool { return c.Protocol.UsesTLS() && hasValidation(c) }

func hasValidation(c ir.Cluster) bool {
	return c.TLS != (ir.UpstreamTLS{}) || c.Tuning.Value().Authorities != (ir.Authorities{})
}

// backendAuthorities returns the secret with the authorities by which a backend is verified; false if there is none.
func backendAuthorities(c ir.Cluster) (secretKey, bool) {
	a := c.Tuning.Value().Authorities
	return secretKey{ca: true, name: c.TLS.CA, configMap: a.ConfigMap}, verifies(c) && !a.System
}

// systemAuthorities is the file with the authorities of Envoy's machine, in its images.
const systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"

// shownTo returns the certificate that Envoy shows to the backend; zero if there is none.
func shownTo(c ir.Cluster) kobj.Name {
	if !c.Protocol.UsesTLS() {
		return kobj.Name{}
	}
	return c.Tuning.Value().ClientCertificate
}

// upstreamTLS encrypts the connections to a cluster with the versions and ciphers of s; nil for a protocol without TLS.
func upstreamTLS(e *encoder, c ir.Cluster, s ir.TLSSettings) *corev3.TransportSocket {
	if !c.Protocol.UsesTLS() {
		if hasValidation(c) {
			e.addInvalid("a protocol without TLS cannot verify the backend's certificate")
		}
		return nil
	}
	common := &tlsv3.CommonTlsContext{TlsParams: &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: tlsVersion(e, cmp.Or(s.Min, ir.TLS12)),
		TlsMaximumProtocolVersion: tlsVersion(e, cmp.Or(s.Max, ir.TLS13)),
		CipherSuites:              s.CipherSuites, EcdhCurves: s.Curves,
	}}
	if c.Protocol == ir.ProtocolH2 {
		common.AlpnProtocols = []string{"h2"}
	}
	if n := shownTo(c); n != (kobj.Name{}) {
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{sds(certificateName(n))}
	}
	switch k, ok := backendAuthorities(c); {
	case ok:
		common.ValidationContextType = validation(c, k)
	case verifies(c):
		names := matchedNames(c)
		names.TrustedCa = &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: systemAuthorities}}
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: names}
	}
	return tlsTransport(e, &tlsv3.UpstreamTlsContext{CommonTlsContext: common, Sni: c.SNI})
}

// matchedNames returns a validation for the given names only; without names, for any.
func matchedNames(c ir.Cluster) *tlsv3.CertificateValidationContext {
	out := &tlsv3.CertificateValidationContext{}
	add := func(t tlsv3.SubjectAltNameMatcher_SanType, names []string) {
		for _, n := range names {
			out.MatchTypedSubjectAltNames = append(out.MatchTypedSubjectAltNames, &tlsv3.SubjectAltNameMatcher{
				SanType: t, Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: n}},
			})
		}
	}
	add(tlsv3.SubjectAltNameMatcher_DNS, c.TLS.Names.Items())
	add(tlsv3.SubjectAltNameMatcher_URI, c.Tuning.Value().Authorities.URIs.Items())
	return out
}

// validation returns a validation with the CA bundle of a secret.
func validation(c ir.Cluster, authorities secretKey) *tlsv3.CommonTlsContext_CombinedValidationContext {
	return &tlsv3.CommonTlsContext_CombinedValidationContext{
		CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
			DefaultValidationContext:         matchedNames(c),
			ValidationContextSdsSecretConfig: sds(validationName(authorities)),
		},
	}
}

func sds(name string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: ads()}
}

func tlsTransport(e *encoder, context message) *corev3.TransportSocket {
	return &corev3.TransportSocket{
		Name: tlsSocket, ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: e.pack(context)},
	}
}
