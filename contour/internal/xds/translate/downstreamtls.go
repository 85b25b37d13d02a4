package translate

import (
	"cmp"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"contour.example/contour/internal/ir"
)

// downstreamTLS terminates TLS with the certificate of t, validates clients as t specifies, and has the other settings of s and
// the ALPN protocols.
func downstreamTLS(e *encoder, t ir.TLS, s ir.TLSSettings, alpn ...string) *corev3.TransportSocket {
	context := &tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsParams:                      tlsParameters(e, t, s),
		TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{sds(certificateName(t.Certificate))},
		AlpnProtocols:                  alpn,
	}}
	validateClients(context, t.Clients)
	return tlsTransport(e, context)
}

// tlsParameters returns the versions of t with the cipher suites and curves of s; nil if they equal Envoy's downstream
// defaults, which a test with a real Envoy verifies. Envoy compares all filter chains when one is added, so that small ones
// cost less.
func tlsParameters(e *encoder, t ir.TLS, s ir.TLSSettings) *tlsv3.TlsParameters {
	lowest, highest := tlsVersion(e, cmp.Or(t.Min, s.Min, ir.TLS12)), tlsVersion(e, cmp.Or(t.Max, s.Max, ir.TLS13))
	if lowest == tlsv3.TlsParameters_TLSv1_2 && highest == tlsv3.TlsParameters_TLSv1_3 && len(s.CipherSuites)+len(s.Curves) == 0 {
		return nil
	}
	p := &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: lowest, TlsMaximumProtocolVersion: highest, CipherSuites: s.CipherSuites, EcdhCurves: s.Curves,
	}
	if len(p.GetCipherSuites()) == 0 {
		p.CipherSuites = cipherSuites()
	}
	return p
}

func tlsVersion(e *encoder, v ir.TLSVersion) tlsv3.TlsParameters_TlsProtocol {
	switch v {
	case ir.TLS12:
		return tlsv3.TlsParameters_TLSv1_2
	case ir.TLS13:
		return tlsv3.TlsParameters_TLSv1_3
	case ir.TLSDefault:
	}
	e.addInvalid("unknown TLS version")
	return tlsv3.TlsParameters_TLSv1_3
}

// cipherSuites returns the cipher suites of TLS 1.2: only those with forward secrecy and authenticated encryption.
func cipherSuites() []string {
	return []string{
		"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]",
		"[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]",
		"ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-RSA-AES256-GCM-SHA384",
	}
}
