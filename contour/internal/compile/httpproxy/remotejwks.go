package httpproxy

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/report"
)

// The defaults of a remote key set, which are those of Contour, and the length of its URI.
const (
	defaultFetchTimeout = time.Second
	defaultRefresh      = 5 * time.Minute
	maxURI              = 2048
)

// remoteKeys returns the keys that were fetched for a provider, "" if there are none yet, and reports why.
func (p *proxy) remoteKeys(provider string, request jwks.Request, at path) ir.KeySet {
	owner := jwks.Owner{Proxy: p.key.Name, Provider: provider}
	set := p.env.Ref.RemoteKeys(p.reader, jwks.Remote{Owner: owner, Request: request})
	switch f := jwt(report.RemoteJWKSNotFetched); {
	case set.Failure == "":
	case set.Keys == "":
		p.errorf(f, at.dot("uri"), "The keys of the provider %s %s; the routes that require its tokens respond with 503.", quoted(provider), set.Failure)
	default:
		p.warnf(f, at.dot("uri"), "The keys of the provider %s %s; the last good keys remain in use.", quoted(provider), set.Failure)
	}
	return set.Keys
}

// remoteJWKS converts the source of fetched keys, and reports whether all of it can be used.
func (p *proxy) remoteJWKS(spec *contourv1.RemoteJWKS, at path) (jwks.Request, bool) {
	secure, ok := p.jwksURI(spec.URI, at.dot("uri"))
	timeout := p.jwksDuration(spec.Timeout, defaultFetchTimeout, jwt(report.RemoteJWKSTimeoutInvalid), at.dot("timeout"))
	refresh := p.jwksDuration(spec.CacheDuration, defaultRefresh, jwt(report.RemoteJWKSCacheDurationInvalid), at.dot("cacheDuration"))
	out := jwks.Request{URI: spec.URI, Timeout: timeout, Refresh: refresh}
	families := map[string]jwks.Family{"": jwks.FamilyAuto, "auto": jwks.FamilyAuto, "all": jwks.FamilyAuto, "v4": jwks.FamilyV4, "v6": jwks.FamilyV6}
	family, known := families[spec.DNSLookupFamily]
	if out.Family = family; !known {
		p.errorf(jwt(report.RemoteJWKSDNSLookupFamilyInvalid), at.dot("dnsLookupFamily"), "The dnsLookupFamily %s is not one of auto, v4, v6 and all.", quoted(spec.DNSLookupFamily))
	}
	switch v := spec.UpstreamValidation; {
	case v == nil || !ok:
	case !secure:
		p.warnf(jwt(report.IgnoredField), at.dot("validation"), "The validation has no effect, because the scheme of the URI is not https.")
	default:
		ok = p.jwksValidation(v, &out, at.dot("validation"))
	}
	return out, ok && known && timeout > 0 && refresh > 0
}

// jwksURI checks the URI of keys, and reports whether its scheme is https.
func (p *proxy) jwksURI(uri string, at path) (secure, ok bool) {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > maxURI || !validate.IsText(uri) || u.Scheme != "" && u.Hostname() == "":
		p.errorf(jwt(report.RemoteJWKSURIInvalid), at, "%s is not a URL of at most %d bytes, such as https://example.org/jwks.json.", quoted(uri), maxURI)
		return false, false
	case u.Scheme != "http" && u.Scheme != "https":
		p.errorf(jwt(report.RemoteJWKSSchemeInvalid), at, "The scheme %s is neither http nor https.", quoted(u.Scheme))
		return false, false
	case u.User != nil:
		p.errorf(jwt(report.RemoteJWKSURIInvalid), at, "The URI contains credentials, which are not sent.")
		return false, false
	}
	if text := u.Port(); text != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(text); err != nil || validate.Port(n) != "" {
			p.errorf(jwt(report.RemoteJWKSPortInvalid), at, "The port %s is not between 1 and 65535.", quoted(text))
			return false, false
		}
	}
	return u.Scheme == "https", true
}

// jwksDuration converts a duration above zero; ifEmpty stands for an empty one, and the result is 0 if there is none.
func (p *proxy) jwksDuration(text string, ifEmpty time.Duration, f subCondition, at path) time.Duration {
	if text == "" {
		return ifEmpty
	}
	d, problem := validate.Duration(text)
	if problem != "" || d == 0 {
		p.errorf(f, at, "%s is not a duration above zero, such as 1m30s.", quoted(text))
		return 0
	}
	return d
}

// jwksValidation sets how the certificate of the server is verified.
func (p *proxy) jwksValidation(v *contourv1.UpstreamValidation, out *jwks.Request, at path) bool {
	f := jwt(report.RemoteJWKSUpstreamValidationInvalid)
	names := slices.Clone(v.SubjectNames)
	if len(names) == 0 {
		names = []string{v.SubjectName}
	}
	const maxNames, maxLength = 8, 250
	for i, n := range names {
		if n == "" || len(n) > maxLength || !validate.IsText(n) || i >= maxNames {
			p.errorf(f, at.dot("subjectNames"), "The subject names are not 1 to %d names of 1 to %d bytes without control characters.", maxNames, maxLength)
			return false
		}
	}
	if names[0] != v.SubjectName {
		p.errorf(f, at.dot("subjectNames").at(0), "The first name %s must be equal to subjectName %s.", quoted(names[0]), quoted(v.SubjectName))
		return false
	}
	out.CA, out.Names = ref.SecretName(p.key.Namespace, v.CACertificate), ir.NewList(names...)
	switch failure := p.env.Ref.CASecret(p.reader, p.key.Namespace, out.CA); {
	case failure == nil:
		return true
	case failure.Problem == ref.NotPermitted:
		p.errorf(jwt(report.RemoteJWKSCACertificateNotDelegated), at.dot("caSecret"), "%s", failure.Message)
	default:
		p.errorf(f, at.dot("caSecret"), "%s", failure.Message)
	}
	return false
}
