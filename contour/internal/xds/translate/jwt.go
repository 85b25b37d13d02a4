package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"

	"contour.example/contour/internal/ir"
)

// jwtName is the name of the filter that verifies tokens. In a chain, it is also the name under which routes select a
// provider of their virtual host.
const jwtName = "jwt"

func hasJWT(p ir.Policies) bool { return p.JWT != nil && !p.JWT.Invalid && !p.JWT.Unavailable }

// requiresToken reports whether a route of the host is served to requests with a token only.
func requiresToken(v *ir.VirtualHost) bool {
	for i := range v.Routes {
		if p := v.Routes[i].Policies.WithDefaults(v.Policies); hasJWT(p) && p.JWT.Provider() != nil {
			return true
		}
	}
	return false
}

// jwtFilter returns the filter that verifies tokens of the required provider, or one that requires none.
func jwtFilter(_ *encoder, p ir.Policies) message {
	if !hasJWT(p) {
		return nil
	}
	if required := p.JWT.Provider(); required != nil {
		return jwtAuthn(required.Name, []ir.JWTProvider{*required})
	}
	return jwtAuthn("", nil)
}

// jwtPart returns the filter, or what a route selects from that of its virtual host: in a chain, a virtual host has all
// providers, so that routes do not repeat the keys. In a slot a route cannot select.
func jwtPart(e *encoder, l level) part {
	if l.own == nil || !hasJWT(*l.own) {
		return part{}
	}
	if l.carrier == carrierChain && l.route == nil {
		return part{run: jwtOfHost(*l.own)}
	}
	if l.carrier == carrierChain && l.host != nil {
		if selection := jwtOfRoute(*l.host, *l.own); selection != nil {
			return part{settings: selection}
		}
	}
	return part{run: jwtFilter(e, *l.own)}
}

// jwtOfHost returns the filter with all providers, from which routes select. It verifies tokens of the required one.
func jwtOfHost(p ir.Policies) message {
	var providers []ir.JWTProvider
	if p.JWT.Providers != nil {
		providers = p.JWT.Providers.List
	}
	return jwtAuthn(p.JWT.Require, providers)
}

// jwtOfRoute returns the selection of a route among the providers of its host, nil if it has others.
func jwtOfRoute(host, own ir.Policies) message {
	if !hasJWT(host) || host.JWT.Providers != own.JWT.Providers {
		return nil
	}
	if own.JWT.Require == "" {
		return &jwtauthnv3.PerRouteConfig{RequirementSpecifier: &jwtauthnv3.PerRouteConfig_Disabled{Disabled: true}}
	}
	return &jwtauthnv3.PerRouteConfig{RequirementSpecifier: &jwtauthnv3.PerRouteConfig_RequirementName{RequirementName: own.JWT.Require}}
}

// jwtAuthn returns the filter with these providers. The keys are in it: Envoy fetches none, because it would fetch them
// again at each change of the route table, and refuse valid tokens while that fails.
func jwtAuthn(require string, providers []ir.JWTProvider) *jwtauthnv3.JwtAuthentication {
	out := &jwtauthnv3.JwtAuthentication{}
	if len(providers) > 0 {
		out.Providers = map[string]*jwtauthnv3.JwtProvider{}
		out.RequirementMap = map[string]*jwtauthnv3.JwtRequirement{}
	}
	for i := range providers {
		p := &providers[i]
		out.Providers[p.Name] = &jwtauthnv3.JwtProvider{
			Issuer: p.Issuer, Audiences: p.Audiences, Forward: p.Forward,
			JwksSourceSpecifier: &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: string(p.Keys)},
			}},
		}
		out.RequirementMap[p.Name] = &jwtauthnv3.JwtRequirement{
			RequiresType: &jwtauthnv3.JwtRequirement_ProviderName{ProviderName: p.Name},
		}
	}
	if require != "" { // for any path, "*" included
		out.Rules = []*jwtauthnv3.RequirementRule{{
			Match:           &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{}},
			RequirementType: &jwtauthnv3.RequirementRule_RequirementName{RequirementName: require},
		}}
	}
	return out
}
