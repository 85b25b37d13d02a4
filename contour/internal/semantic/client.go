package semantic

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// clientHeader tells backends about the certificate of the client.
const clientHeader = "x-forwarded-client-cert"

// admits reports whether the handshake succeeds with the certificate of the client, or without one.
func (x *exchange) admits(context *tlsv3.DownstreamTlsContext) (bool, error) {
	validation, requested, err := x.validation(context.GetCommonTlsContext())
	if err != nil || !requested {
		return !context.GetRequireClientCertificate().GetValue(), err
	}
	if validation == nil { // the secret is missing
		return false, nil
	}
	if !context.GetDisableStatefulSessionResumption() || !context.GetDisableStatelessSessionResumption() {
		return false, errors.New("sessions are resumed, which skips the validation of clients")
	}
	if context.GetRequireClientCertificate().GetValue() && len(validation.GetTrustedCa().GetInlineBytes()) == 0 {
		return false, errors.New("Envoy does not require a certificate without authorities")
	}
	if len(x.ClientChain) == 0 {
		return !context.GetRequireClientCertificate().GetValue(), nil
	}
	chain, err := certificates(x.ClientChain)
	if err != nil {
		return false, err
	}
	x.client = chain[0]
	if validation.GetTrustChainVerification() == tlsv3.CertificateValidationContext_ACCEPT_UNTRUSTED {
		return true, nil
	}
	return validates(validation, chain)
}

// validation returns the settings by which clients are validated, and whether there are any; nil if their secret is missing.
func (x *exchange) validation(c *tlsv3.CommonTlsContext) (*tlsv3.CertificateValidationContext, bool, error) {
	combined := c.GetCombinedValidationContext()
	if combined == nil {
		v := c.GetValidationContext()
		return v, v != nil, checkFields(v, "trust_chain_verification")
	}
	mode := combined.GetDefaultValidationContext()
	secret := x.envoy.secret(combined.GetValidationContextSdsSecretConfig().GetName()).GetValidationContext()
	if secret == nil {
		return nil, true, nil
	}
	return &tlsv3.CertificateValidationContext{
		TrustedCa: secret.GetTrustedCa(), Crl: secret.GetCrl(),
		TrustChainVerification: mode.GetTrustChainVerification(), OnlyVerifyLeafCertCrl: mode.GetOnlyVerifyLeafCertCrl(),
	}, true, errors.Join(checkFields(mode, "trust_chain_verification only_verify_leaf_cert_crl"), checkFields(secret, "trusted_ca crl"))
}

// validates reports whether an authority has signed the first certificate, and none of the chain is revoked.
func validates(v *tlsv3.CertificateValidationContext, chain []*x509.Certificate) (bool, error) {
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	options.Roots.AppendCertsFromPEM(v.GetTrustedCa().GetInlineBytes())
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	verified, err := chain[0].Verify(options)
	if err != nil {
		return false, nil //nolint:nilerr // the handshake fails
	}
	if len(v.GetCrl().GetInlineBytes()) == 0 {
		return true, nil
	}
	return unrevoked(v, verified[0])
}

// unrevoked reports whether there is a list for each certificate, that does not contain it.
func unrevoked(v *tlsv3.CertificateValidationContext, chain []*x509.Certificate) (bool, error) {
	for i, c := range chain {
		if i > 0 && v.GetOnlyVerifyLeafCertCrl() {
			break
		}
		listed := false
		for block, rest := pem.Decode(v.GetCrl().GetInlineBytes()); block != nil; block, rest = pem.Decode(rest) {
			list, err := x509.ParseRevocationList(block.Bytes)
			if err != nil {
				return false, fmt.Errorf("revocation list: %w", err)
			}
			if string(list.RawIssuer) != string(c.RawIssuer) {
				continue
			}
			listed = true
			for _, e := range list.RevokedCertificateEntries {
				if e.SerialNumber.Cmp(c.SerialNumber) == 0 {
					return false, nil
				}
			}
		}
		if !listed {
			return false, nil
		}
	}
	return true, nil
}

// certificates returns the certificates in PEM data, of which there is at least one.
func certificates(data []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate of the client: %w", err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("the client has no certificate")
	}
	return out, nil
}

// identifyClient removes what the client says about its certificate, and sets what Envoy does: the hash stands for all of it.
func (x *exchange) identifyClient(m *hcmv3.HttpConnectionManager) {
	_, x.forged = x.headers[clientHeader]
	delete(x.headers, clientHeader)
	if m.GetForwardClientCertDetails() == hcmv3.HttpConnectionManager_SANITIZE_SET && x.client != nil {
		sum := sha256.Sum256(x.client.Raw)
		x.headers[clientHeader] = "Hash=" + hex.EncodeToString(sum[:])
	}
}

// forwardedProto is the header with the scheme of the client. Trusted proxies send it; for other clients Envoy sets it.
const forwardedProto = "x-forwarded-proto"

// locateClient finds the address of the client: of the last addresses in x-forwarded-for that of the trusted proxy which is farthest away,
// or the one that connects. It sets the scheme of the request, too: that of a client of HTTP/1.1 is the one that a trusted proxy reports.
func (x *exchange) locateClient(m *hcmv3.HttpConnectionManager) {
	hops := int(m.GetXffNumTrustedHops())
	x.scheme = "http"
	if x.TLS {
		x.scheme = "https"
	}
	reported := x.headers[forwardedProto]
	if hops == 0 || reported == "" {
		x.headers[forwardedProto] = x.scheme
	} else if s := strings.ToLower(reported); !x.HTTP2 && (s == "http" || s == "https") {
		x.scheme = s
	}
	if hops == 0 {
		return
	}
	entries := strings.Split(x.headers["x-forwarded-for"], ",")
	if hops > len(entries) {
		return
	}
	if address, err := netip.ParseAddr(strings.TrimSpace(entries[len(entries)-hops])); err == nil {
		x.remote = address
	}
}

// clientChanges returns the changes to the header about the client before those of routes.
func (x *exchange) clientChanges() Changes {
	c := Changes{Set: map[string]string{}, Removed: slices.Clone(x.dropped)}
	if x.bridged {
		c.Set["content-type"] = "application/grpc"
	}
	if details, ok := x.headers[clientHeader]; ok {
		c.Set[clientHeader] = details
	} else if x.forged {
		c.Removed = append(c.Removed, clientHeader)
	}
	return c
}
