package httpproxy

import (
	"cmp"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// tls returns the TLS settings of the host on the HTTPS listener; nil if there are none or they are invalid.
func (p *proxy) tls() *ir.TLS {
	spec := p.host.TLS
	if spec == nil {
		return nil
	}
	if !p.checkTLS(spec) {
		return nil
	}
	if spec.Passthrough {
		return &ir.TLS{Passthrough: true}
	}
	out, ok := p.versions(spec)
	if !ok || !p.servingSecret(spec, out) {
		return nil
	}
	return out
}

// checkTLS reports settings that exclude each other.
func (p *proxy) checkTLS(spec *contourv1.TLS) bool {
	at := path("spec.virtualhost.tls")
	exclusive := subCondition{report.TypeTLS, report.TLSIncompatibleFeatures}
	settings := subCondition{report.TypeTLS, report.TLSConfigNotValid}
	before := p.report.Found
	switch {
	case spec.Passthrough && spec.SecretName != "":
		p.errorf(settings, at, "The host has both a secretName and passthrough; exactly one is required.")
	case !spec.Passthrough && spec.SecretName == "":
		p.errorf(settings, at, "The host has neither a secretName nor passthrough; exactly one is required.")
	case spec.Passthrough && p.spec.TCPProxy == nil:
		p.errorf(settings, at.dot("passthrough"), "TLS passthrough requires spec.tcpproxy.")
	}
	if spec.Passthrough && spec.EnableFallbackCertificate {
		p.errorf(exclusive, at.dot("enableFallbackCertificate"), "The fallback certificate has no effect with passthrough.")
	}
	if spec.Passthrough && spec.ClientValidation != nil {
		p.errorf(exclusive, at.dot("clientValidation"), "The field clientValidation cannot be used together with passthrough.")
	}
	if spec.EnableFallbackCertificate {
		p.checkFallback(spec, at)
	}
	return p.report.Found == before
}

// checkFallback reports the settings that would not apply to clients that receive the fallback certificate.
func (p *proxy) checkFallback(spec *contourv1.TLS, at path) {
	for _, c := range []struct {
		on   bool
		what string
	}{
		{spec.ClientValidation != nil, "clientValidation"},
		{p.host.Authorization != nil, "authorization"},
		{len(p.host.JWTProviders) > 0, "jwtProviders"},
	} {
		if c.on {
			p.errorf(subCondition{report.TypeTLS, report.TLSIncompatibleFeatures}, at.dot("enableFallbackCertificate"),
				"The fallback certificate cannot be used together with %s.", c.what)
		}
	}
}

// servingSecret sets the certificate of the host, and reports whether it can be served.
func (p *proxy) servingSecret(spec *contourv1.TLS, out *ir.TLS) bool {
	at := path("spec.virtualhost.tls.secretName")
	out.Certificate = ref.SecretName(p.key.Namespace, spec.SecretName)
	expired, failure := p.env.Ref.ServingSecret(p.reader, p.key.Namespace, out.Certificate)
	switch {
	case failure == nil && expired:
		p.warnf(subCondition{report.TypeTLS, report.SecretExpired}, at, "The certificate in Secret %s has expired.", quoted(out.Certificate.String()))
	case failure == nil:
	case failure.Problem == ref.NotPermitted:
		p.errorf(subCondition{report.TypeTLS, report.DelegationNotPermitted}, at, "%s", failure.Message)
	default:
		p.errorf(subCondition{report.TypeTLS, report.SecretNotValid}, at, "%s", failure.Message)
	}
	return failure == nil
}

// versions returns the TLS versions of the host, within those of the configuration. Versions that the host does not
// specify are the default.
func (p *proxy) versions(spec *contourv1.TLS) (*ir.TLS, bool) {
	at := path("spec.virtualhost.tls")
	low, okMin := p.minimum(spec.MinimumProtocolVersion, at.dot("minimumProtocolVersion"))
	high, okMax := p.version(spec.MaximumProtocolVersion, at.dot("maximumProtocolVersion"))
	if !okMin || !okMax {
		return nil, false
	}
	allowed := p.env.Store.Settings.TLS.Get(p.reader)
	lowest, highest := cmp.Or(allowed.Min, ir.TLS12), cmp.Or(allowed.Max, ir.TLS13)
	from, to := max(low, lowest), min(cmp.Or(high, highest), highest)
	if from > to {
		p.errorf(subCondition{report.TypeTLS, report.TLSConfigNotValid}, at, "The minimum TLS version %s is above the maximum %s.", versionName(from), versionName(to))
		return nil, false
	}
	out := &ir.TLS{}
	if low != ir.TLSDefault {
		out.Min = from
	}
	if high != ir.TLSDefault {
		out.Max = to
	}
	return out, true
}

// minimum converts the minimum version. A version below 1.2 stands for the default, which is stricter.
func (p *proxy) minimum(s string, at path) (ir.TLSVersion, bool) {
	if s == "1.0" || s == "1.1" {
		p.warnf(subCondition{report.TypeTLS, report.TLSConfigNotValid}, at, "The TLS version %s is not supported; the minimum is 1.2.", s)
		return ir.TLSDefault, true
	}
	return p.version(s, at)
}

// version converts a TLS version. An unknown version is an error: the host must not be served with less than it specifies.
func (p *proxy) version(s string, at path) (ir.TLSVersion, bool) {
	v, problem := validate.TLSVersion(s)
	if problem != "" {
		p.errorf(subCondition{report.TypeTLS, report.TLSConfigNotValid}, at, "The TLS version %s %s.", quoted(s), problem)
	}
	return v, problem == ""
}

func versionName(v ir.TLSVersion) string {
	if v == ir.TLS13 {
		return "1.3"
	}
	return "1.2"
}
