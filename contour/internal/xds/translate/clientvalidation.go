package translate

import (
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// validateClients makes the connections of the context request certificates of clients, and validate them as c specifies.
// Authorities and revocation lists are a secret, so that a new one changes no listener and drains no connection. Sessions
// are not resumed: Envoy does not validate the certificate of a resumed session again, however old it is.
func validateClients(context *tlsv3.DownstreamTlsContext, c ir.ClientValidation) {
	if !c.Requested() {
		return
	}
	mode := &tlsv3.CertificateValidationContext{OnlyVerifyLeafCertCrl: c.LeafCRLOnly}
	if c.Unverified {
		mode.TrustChainVerification = tlsv3.CertificateValidationContext_ACCEPT_UNTRUSTED
	}
	common := context.GetCommonTlsContext()
	if secret, ok := clientAuthorities(c); ok {
		common.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
			CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
				DefaultValidationContext:         mode,
				ValidationContextSdsSecretConfig: sds(validationName(secret)),
			},
		}
	} else {
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: mode}
	}
	context.RequireClientCertificate = wrapperspb.Bool(c.Certificates == ir.RequiredClientCertificates)
	context.SessionTicketKeysType = &tlsv3.DownstreamTlsContext_DisableStatelessSessionResumption{DisableStatelessSessionResumption: true}
	context.DisableStatefulSessionResumption = true
}

// clientAuthorities returns the secret by which clients are validated; false if none is needed.
func clientAuthorities(c ir.ClientValidation) (secretKey, bool) {
	return secretKey{ca: true, name: c.CA, crl: c.CRL, configMap: c.ConfigMap}, c.Requested() && c.CA != (kobj.Name{})
}

// clientNeeds returns the secret that a filter chain needs to validate clients.
func clientNeeds(c ir.ClientValidation) []table.Ref {
	if secret, ok := clientAuthorities(c); ok {
		return []table.Ref{{Type: table.Secret, Name: validationName(secret)}}
	}
	return nil
}

// authoritiesOf returns the secret by which a virtual host validates clients.
func authoritiesOf(v *ir.VirtualHost) []secretKey {
	if v == nil || !terminates(v.TLS) {
		return nil
	}
	if secret, ok := clientAuthorities(v.TLS.Clients); ok {
		return []secretKey{secret}
	}
	return nil
}

// setForwarded sets what backends learn about the certificate of the client. Without it, Envoy removes the header.
func setForwarded(m *hcmv3.HttpConnectionManager, f ir.ForwardedCertificate) {
	if !f.Enabled {
		return
	}
	m.ForwardClientCertDetails = hcmv3.HttpConnectionManager_SANITIZE_SET
	m.SetCurrentClientCertDetails = &hcmv3.HttpConnectionManager_SetCurrentClientCertDetails{
		Cert: f.Cert, Chain: f.Chain, Dns: f.DNS, Uri: f.URI,
	}
	if f.Subject {
		m.SetCurrentClientCertDetails.Subject = wrapperspb.Bool(true)
	}
}
