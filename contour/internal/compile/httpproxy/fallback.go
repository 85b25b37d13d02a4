package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// permitsFallback reports whether the host may have the fallback certificate: not with settings that would not apply to clients
// that receive it.
func (p *proxy) permitsFallback(spec *contourv1.TLS) bool {
	ok := true
	for _, c := range []struct {
		on   bool
		what string
	}{
		{spec.Passthrough, "passthrough"},
		{spec.ClientValidation != nil, "clientValidation"},
		{p.host.Authorization != nil, "authorization"},
		{len(p.host.JWTProviders) > 0, "jwtProviders"},
	} {
		if c.on {
			p.errorf(subCondition{report.TypeTLS, report.TLSIncompatibleFeatures}, "spec.virtualhost.tls.enableFallbackCertificate",
				"The fallback certificate cannot be used together with %s; clients without a server name are not served.", c.what)
			ok = false
		}
	}
	return ok
}

// fallbackCertificate sets the certificate for clients without a server name, if the host has one. A host whose fallback
// certificate cannot be used is served to the others.
func (p *proxy) fallbackCertificate(out *ir.TLS) {
	at, secret := path("spec.virtualhost.tls.enableFallbackCertificate"), p.objects.FallbackCertificate
	problem := func(r report.Reason, format string, args ...any) {
		p.errorf(subCondition{report.TypeTLS, r}, at, format, args...)
	}
	switch {
	case p.spec.TCPProxy != nil:
		p.warnf(subCondition{report.TypeTLS, report.IgnoredField}, at, "In a tcpproxy enableFallbackCertificate has no effect.")
	case secret == (kobj.Name{}):
		problem(report.FallbackNotPresent, "The controller has no fallback certificate (tls.fallback-certificate in its configuration).")
	case p.env.Store.Settings.XDS.Get(p.reader).CertificatesOnDemand:
		p.warnf(subCondition{report.TypeTLS, report.IgnoredField}, at, "The fallback certificate is not served together with certificates on demand.")
	default:
		_, failure := p.env.Ref.ServingSecret(p.reader, p.key.Namespace, secret)
		switch {
		case failure == nil:
			out.Fallback = secret
		case failure.Problem == ref.NotPermitted:
			problem(report.FallbackNotDelegated, "%s", failure.Message)
		default:
			problem(report.FallbackNotValid, "%s", failure.Message)
		}
	}
}
