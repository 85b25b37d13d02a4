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
	fallback := spec.EnableFallbackCertificate && p.permitsFallback(spec)
	if !p.checkTLS(spec) {
		return nil
	}
	if spec.Passthrough {
		return &ir.TLS{Passthrough: true}
	}
	out, ok := p.versions(spec)
	ok = ok && p.servingSecret(spec, out)
	if !p.clientValidation(spec, out) || !ok {
		return nil
	}
	if fallback {
		p.fallbackCertificate(out)
	}
	return out
}

// checkTLS reports settings that exclude each other.
func (p *proxy) checkTLS(spec *contourv1.TLS) bool {
	at := path("spec.virtualhost.tls")
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
	if spec.Passthrough && spec.ClientValidation != nil {
		p.errorf(subCondition{report.TypeTLS, report.TLSIncompatibleFeatures}, at.dot("clientValidation"), "The field clientValidation cannot be used together with passthrough.")
	}
	return p.report.Found == before
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
// specify, or that do not exist, are the default, as in Contour. It reports whether there is such a version.
func (p *proxy) versions(spec *contourv1.TLS) (*ir.TLS, bool) {
	at := path("spec.virtualhost.tls")
	low := p.version(spec.MinimumProtocolVersion, at.dot("minimumProtocolVersion"))
	high := p.version(spec.MaximumProtocolVersion, at.dot("maximumProtocolVersion"))
	allowed := p.env.Store.Settings.TLS.Get(p.reader)
	lowest, highest := cmp.Or(allowed.Min, ir.TLS12), cmp.Or(allowed.Max, ir.TLS13)
	from, to := max(low, lowest), min(cmp.Or(high, highest), highest)
	out := &ir.TLS{}
	if from > to {
		p.errorf(subCondition{report.TypeTLS, report.TLSConfigNotValid}, at, "The minimum TLS version %s is above the maximum %s.", versionName(from), versionName(to))
		return out, false
	}
	if low != ir.TLSDefault {
		out.Min = from
	}
	if high != ir.TLSDefault {
		out.Max = to
	}
	return out, true
}

// version converts a TLS version. Another value than 1.2 and 1.3 stands for the default.
func (p *proxy) version(s string, at path) ir.TLSVersion {
	v, problem := validate.TLSVersion(s)
	if problem != "" {
		p.warnf(subCondition{report.TypeTLS, report.TLSConfigNotValid}, at, "The TLS version %s %s; the default is used.", quoted(s), problem)
		return ir.TLSDefault
	}
	return v
}

func versionName(v ir.TLSVersion) string {
	if v == ir.TLS13 {
		return "1.3"
	}
	return "1.2"
}
