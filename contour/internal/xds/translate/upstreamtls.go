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
func verifies(c ir.Cluster) bool { return c.Protocol.UsesTLS() && c.TLS != (ir.UpstreamTLS{}) }

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
		if c.TLS != (ir.UpstreamTLS{}) {
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
	if verifies(c) {
		common.ValidationContextType = validation(c.TLS)
	}
	return tlsTransport(e, &tlsv3.UpstreamTlsContext{CommonTlsContext: common, Sni: c.SNI})
}

// validation returns a validation with the CA bundle of a secret, for the given names only; without names, for any.
func validation(u ir.UpstreamTLS) *tlsv3.CommonTlsContext_CombinedValidationContext {
	names := &tlsv3.CertificateValidationContext{}
	for _, n := range u.Names.Items() {
		names.MatchTypedSubjectAltNames = append(names.MatchTypedSubjectAltNames, &tlsv3.SubjectAltNameMatcher{
			SanType: tlsv3.SubjectAltNameMatcher_DNS,
			Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: n}},
		})
	}
	return &tlsv3.CommonTlsContext_CombinedValidationContext{
		CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
			DefaultValidationContext:         names,
			ValidationContextSdsSecretConfig: sds(caName(u.CA)),
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
