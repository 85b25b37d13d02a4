package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/authorization"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// hostAuthorization returns the authorization of the virtual host: its own one, else that of the configuration with the
// policy of the host; nil if there is none.
func (p *proxy) hostAuthorization(at path) *ir.Authorization {
	spec, global := p.host.Authorization, p.env.Authorization.Global(p.reader)
	if spec == nil {
		spec = &contourv1.AuthorizationServer{}
	}
	mode := authorization.Mode(spec.AuthPolicy)
	switch {
	case namesService(spec):
		return p.ownAuthorization(spec, at.dot("authorization"))
	case global.Set:
		return p.globalAuthorization(global, spec, at)
	case p.host.Authorization == nil || mode == ir.AuthorizeNever:
		return nil
	}
	p.errorf(subCondition{report.TypeAuth, report.ExtensionServiceNotFound}, at.dot("authorization").dot("extensionRef"),
		"The authorization names no ExtensionService, and the configuration of the controller has no global one.")
	return &ir.Authorization{Invalid: true}
}

func namesService(spec *contourv1.AuthorizationServer) bool {
	return spec != nil && spec.ExtensionServiceRef.Name != ""
}

// ownAuthorization returns the authorization by the service that the host names. It requires that the host terminates TLS,
// as in Contour.
func (p *proxy) ownAuthorization(spec *contourv1.AuthorizationServer, at path) *ir.Authorization {
	out := &ir.Authorization{Mode: authorization.Mode(spec.AuthPolicy)}
	if spec.AuthPolicy != nil {
		out.Context = ir.NewContext(spec.AuthPolicy.Context)
	}
	if p.host.TLS == nil || p.host.TLS.Passthrough {
		p.errorf(subCondition{report.TypeAuth, report.AuthNotPermitted}, at, "An authorization requires that the host terminates TLS.")
		out.Invalid = true
	}
	service, problems := p.env.Authorization.Service(p.reader, spec, p.key.Namespace)
	p.reportAuthorization(problems, at)
	if out.Service = service; out.Invalid || len(problems) > 0 {
		return &ir.Authorization{Mode: out.Mode, Invalid: true}
	}
	return out
}

// globalAuthorization returns the authorization of the configuration with the policy of the host.
func (p *proxy) globalAuthorization(global authorization.Global, spec *contourv1.AuthorizationServer, at path) *ir.Authorization {
	all := global.Policies.Authorization
	policy := spec.AuthPolicy
	if policy == nil {
		policy = &contourv1.AuthorizationPolicy{}
	}
	own := &ir.Authorization{Mode: authorization.Mode(policy), Context: ir.NewContext(policy.Context)}
	for _, problem := range global.Problems {
		if own.Mode != ir.AuthorizeNever {
			p.errorf(subCondition{report.TypeAuth, problem.Reason}, at, "The global authorization cannot be asked: %s", problem.Message)
		}
	}
	if len(own.Context) > 0 && all.Service != nil && all.Service.HTTP != nil {
		p.errorf(subCondition{report.TypeAuth, report.AuthContextForHTTP}, at.dot("authorization").dot("authPolicy").dot("context"),
			"The global authorization service speaks HTTP and receives no context.")
		return &ir.Authorization{Mode: own.Mode, Invalid: true}
	}
	if own.Mode == ir.AuthorizeAsHost && len(own.Context) == 0 {
		return all
	}
	return own.WithDefaults(all)
}

func (p *proxy) reportAuthorization(problems []authorization.Problem, at path) {
	for _, problem := range problems {
		p.errorf(subCondition{report.TypeAuth, problem.Reason}, at.dot(problem.Field), "%s", problem.Message)
	}
}

// authorization returns the authorization of the route as far as it differs from that of its host; nil if it does not. Where
// the host has none, the policy of a route has no effect, as in Contour.
func (b *builder) authorization() *ir.Authorization {
	spec, host := b.spec.AuthPolicy, b.asked
	if spec == nil || host == nil {
		return nil
	}
	out := &ir.Authorization{Mode: authorization.Mode(spec), Context: ir.NewContext(spec.Context)}
	never := host.Mode == ir.AuthorizeNever
	if never == (out.Mode == ir.AuthorizeNever) { // what the host has already
		out.Mode = ir.AuthorizeAsHost
	}
	if out.Mode == ir.AuthorizeNever || never && out.Mode == ir.AuthorizeAsHost {
		out.Context = nil
	}
	if len(out.Context) > 0 && host.Service != nil && host.Service.HTTP != nil {
		b.reject(subCondition{report.TypeAuth, report.AuthContextForHTTP}, b.at.dot("authPolicy").dot("context"),
			"The authorization service of the host speaks HTTP and receives no context.")
		return nil
	}
	if out.Mode == ir.AuthorizeAsHost && len(out.Context) == 0 {
		return nil
	}
	return out
}
