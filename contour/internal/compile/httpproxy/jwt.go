package httpproxy

import (
	"slices"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// The limits of the JWT providers of a host, whose table contains all of them.
const (
	maxProviders = 16
	maxAudiences = 64
	maxClaim     = 1024 // bytes of a name, an issuer or an audience
)

// jwt returns the sub-condition of an error about JWT verification.
func jwt(r report.Reason) subCondition { return subCondition{report.TypeJWT, r} }

// tokens is what the JWT providers of the root make of its host. Without providers it is the zero value.
type tokens struct {
	usable *ir.JWTProviders
	// of is the section of a route that requires a token of a provider, by the name of the provider.
	of map[string]ir.JWT
	// host is the section of the host, nil if there is none; byDefault is the name of its provider, "" if it has none.
	host      *ir.JWT
	byDefault string
}

// jwtProviders reads the JWT providers of the root. A provider that cannot be used makes the routes that require its tokens
// answer with an error.
func (p *proxy) jwtProviders() tokens {
	specs, at := p.host.JWTProviders, path("spec.virtualhost.jwtProviders")
	if len(specs) == 0 {
		return tokens{}
	}
	t := tokens{usable: &ir.JWTProviders{}, of: map[string]ir.JWT{}}
	permitted := p.permitsJWT(at)
	var defaults []string
	for i := range specs {
		spec := &specs[i]
		if spec.Default {
			defaults = append(defaults, spec.Name)
		}
		if _, twice := t.of[spec.Name]; twice {
			p.errorf(jwt(report.DuplicateProviderName), at.at(i).dot("name"), "The name %s occurs twice; names of providers must be unique.", quoted(spec.Name))
			t.of[spec.Name] = ir.JWT{Invalid: true} // one of the two is meant
			continue
		}
		t.of[spec.Name] = p.jwtProvider(spec, at.at(i), t.usable, permitted && i < maxProviders)
	}
	if len(defaults) > 1 {
		p.errorf(jwt(report.MultipleDefaultProvidersSpecified), at, "The providers %s are all the default; at most one provider can be.", quoted(strings.Join(defaults, ", ")))
	}
	t.chooseDefault(defaults, permitted)
	return t
}

// permitsJWT reports whether the host may have JWT providers: tokens are accepted on hosts that terminate TLS only.
func (p *proxy) permitsJWT(at path) bool {
	if n := len(p.host.JWTProviders); n > maxProviders {
		p.errorf(jwt(report.JWTProviderNotValid), at, "There are %d providers; at most %d are allowed.", n, maxProviders)
	}
	if p.host.TLS == nil || p.host.TLS.SecretName == "" {
		p.errorf(jwt(report.JWTVerificationNotPermitted), at, "The host has jwtProviders and no tls.secretName; tokens are accepted over TLS only, and the routes that require one are not served.")
		return false
	}
	return true
}

// chooseDefault sets the section of the host. Without a default, or with one that cannot be determined, the section still
// has the providers for the routes that name one.
func (t *tokens) chooseDefault(defaults []string, permitted bool) {
	switch {
	case len(defaults) > 1 || !permitted && len(defaults) > 0:
		t.host = &ir.JWT{Invalid: true}
	case len(defaults) == 1:
		section := t.of[defaults[0]]
		t.host, t.byDefault = &section, defaults[0]
	case len(t.usable.List) > 0:
		t.host = &ir.JWT{Providers: t.usable}
	}
}

// exempt returns the section of a route that requires no token; nil if the host requires none.
func (t *tokens) exempt() *ir.JWT {
	if t.host == nil || t.host.Require == "" && !t.host.Invalid && !t.host.Unavailable {
		return nil
	}
	return &ir.JWT{Providers: t.usable}
}

// withoutToken returns the policies for a route that redirects to HTTPS: a client must not send a token in clear.
func (t *tokens) withoutToken(of *ir.Policies) *ir.Policies {
	exempt := t.exempt()
	if of == nil && exempt == nil {
		return nil
	}
	out := of.WithDefaults(nil)
	out.JWT = exempt
	return orNil(out)
}

// jwt returns the section of the route; nil if that of the host applies.
func (b *builder) jwt() *ir.JWT {
	policy := b.spec.JWTVerificationPolicy
	if policy == nil {
		return nil
	}
	at := b.at.dot("jwtVerificationPolicy")
	switch section, defined := b.tokens.of[policy.Require]; {
	case policy.Require != "" && policy.Disabled:
		b.reject(jwt(report.InvalidJWTVerificationPolicy), at, "The policy has both require and disabled; at most one is allowed.")
	case policy.Disabled:
		return b.tokens.exempt()
	case policy.Require == "" || policy.Require == b.tokens.byDefault:
	case !defined:
		b.reject(jwt(report.JWTProviderNotDefined), at.dot("require"), "The root HTTPProxy has no JWT provider %s.", quoted(policy.Require))
	default:
		return &section
	}
	return nil
}

// jwtProvider returns the section of routes that require tokens of the provider, which is added to the usable ones if its
// keys are known.
func (p *proxy) jwtProvider(spec *contourv1.JWTProvider, at path, usable *ir.JWTProviders, permitted bool) ir.JWT {
	valid := p.claims(spec, at)
	var keys ir.KeySet
	var have bool
	switch local, remote := spec.LocalJWKS, spec.RemoteJWKS; {
	case local != nil && remote != nil:
		p.errorf(jwt(report.JWKSSourceConflict), at, "The provider has both remoteJWKS and localJWKS; exactly one is required.")
		valid = false
	case local != nil:
		keys, have = p.localKeys(local, at.dot("localJWKS"))
		valid = valid && have
	case remote != nil:
		request, ok := p.remoteJWKS(remote, at.dot("remoteJWKS"))
		if valid = valid && ok && permitted; valid {
			keys = p.remoteKeys(spec.Name, request, at.dot("remoteJWKS"))
		}
	default:
		p.errorf(jwt(report.JWKSSourceMissing), at, "The provider has neither remoteJWKS nor localJWKS; exactly one is required.")
		valid = false
	}
	switch {
	case !valid || !permitted:
		return ir.JWT{Invalid: true}
	case keys == "":
		return ir.JWT{Unavailable: true}
	}
	usable.List = append(usable.List, ir.JWTProvider{
		Name: spec.Name, Issuer: spec.Issuer, Audiences: slices.Clone(spec.Audiences), Forward: spec.ForwardJWT, Keys: keys,
	})
	return ir.JWT{Providers: usable, Require: spec.Name}
}

// claims checks the texts of a provider.
func (p *proxy) claims(spec *contourv1.JWTProvider, at path) bool {
	ok := true
	check := func(text string, at path) {
		if len(text) > maxClaim || !validate.IsText(text) {
			p.errorf(jwt(report.JWTProviderNotValid), at, "%s is not a text of at most %d bytes without control characters.", quoted(text), maxClaim)
			ok = false
		}
	}
	if spec.Name == "" {
		p.errorf(jwt(report.JWTProviderNotValid), at.dot("name"), "The name of the provider is empty.")
		ok = false
	}
	if n := len(spec.Audiences); n > maxAudiences {
		p.errorf(jwt(report.JWTProviderNotValid), at.dot("audiences"), "There are %d audiences; at most %d are allowed.", n, maxAudiences)
		return false
	}
	check(spec.Name, at.dot("name"))
	check(spec.Issuer, at.dot("issuer"))
	for i, a := range spec.Audiences {
		check(a, at.dot("audiences").at(i))
	}
	return ok
}

// localKeys returns the keys in a Secret of the namespace of the root.
func (p *proxy) localKeys(spec *contourv1.LocalJWKS, at path) (ir.KeySet, bool) {
	keys, failure := p.env.Ref.LocalKeys(p.reader, kobj.Name{Namespace: p.key.Namespace, Name: spec.SecretName}, spec.Key)
	if failure != nil {
		p.errorf(jwt(report.LocalJWKSInvalid), at, "%s", failure.Message)
	}
	return keys, failure == nil
}
