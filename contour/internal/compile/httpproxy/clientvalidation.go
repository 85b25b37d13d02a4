package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// clientValidation sets how the certificates of clients are validated, and reports whether that is possible. If it is not,
// the host is not served over TLS.
func (p *proxy) clientValidation(spec *contourv1.TLS, out *ir.TLS) bool {
	v := spec.ClientValidation
	if v == nil {
		return true
	}
	at := path("spec.virtualhost.tls.clientValidation")
	c := ir.ClientValidation{
		Certificates: ir.RequiredClientCertificates, Unverified: v.SkipClientCertValidation, LeafCRLOnly: v.OnlyVerifyLeafCertCrl,
		Forward: forwarded(v.ForwardClientCertificate),
	}
	var caOK, crlOK bool
	c.CA, caOK = p.authorities(v, at.dot("caSecret"))
	if v.OptionalClientCertificate || c.CA == (kobj.Name{}) { // Envoy requires a certificate only with a CA, as in Contour
		c.Certificates = ir.OptionalClientCertificates
	}
	c.CRL, crlOK = p.revocations(v, at.dot("crlSecret"))
	if c.CRL == (kobj.Name{}) {
		c.LeafCRLOnly = false
	}
	out.Clients = c
	return caOK && crlOK
}

// authorities returns the Secret with the authorities that sign the certificates of clients; zero if there is none.
func (p *proxy) authorities(v *contourv1.DownstreamValidation, at path) (kobj.Name, bool) {
	if v.CACertificate == "" {
		if !v.SkipClientCertValidation {
			p.errorf(subCondition{report.TypeTLS, report.ClientValidationInvalid}, at,
				"The host verifies the certificates of clients without a caSecret; it requires one, unless skipClientCertValidation is set.")
		}
		return kobj.Name{}, v.SkipClientCertValidation
	}
	secret := ref.SecretName(p.key.Namespace, v.CACertificate)
	return secret, p.reportClientSecret(at, p.env.Ref.CASecret(p.reader, p.key.Namespace, secret))
}

// revocations returns the Secret with the revocation lists; zero if there is none, or if certificates are not verified.
func (p *proxy) revocations(v *contourv1.DownstreamValidation, at path) (kobj.Name, bool) {
	if v.CertificateRevocationList == "" {
		return kobj.Name{}, true
	}
	secret := ref.SecretName(p.key.Namespace, v.CertificateRevocationList)
	ok := p.reportClientSecret(at, p.env.Ref.CRLSecret(p.reader, p.key.Namespace, secret))
	if v.SkipClientCertValidation {
		p.warnf(subCondition{report.TypeTLS, report.IgnoredField}, at, "The field crlSecret has no effect together with skipClientCertValidation.")
		return kobj.Name{}, ok
	}
	return secret, ok
}

// validationSize returns how many hosts cost as much as what validates the clients of this one.
func (p *proxy) validationSize(t *ir.TLS) int {
	return p.env.Ref.ValidationSize(p.reader, t.Clients.CA, t.Clients.CRL)
}

// reportClientSecret reports the failure, which may be nil, and whether it is nil.
func (p *proxy) reportClientSecret(at path, f *ref.Failure) bool {
	switch {
	case f == nil:
	case f.Problem == ref.NotPermitted:
		p.errorf(subCondition{report.TypeTLS, report.DelegationNotPermitted}, at, "%s", f.Message)
	default:
		p.errorf(subCondition{report.TypeTLS, report.ClientValidationInvalid}, at, "%s", f.Message)
	}
	return f == nil
}

func forwarded(d *contourv1.ClientCertificateDetails) ir.ForwardedCertificate {
	if d == nil {
		return ir.ForwardedCertificate{}
	}
	return ir.ForwardedCertificate{Enabled: true, Subject: d.Subject, Cert: d.Cert, Chain: d.Chain, DNS: d.DNS, URI: d.URI}
}
