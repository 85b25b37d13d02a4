package translate

import (
	"slices"

	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"

	"contour.example/contour/internal/ir"
)

// authzStep is what a virtual host or a route changes about the authorization of the requests to it.
type authzStep uint8

const (
	authzSame    authzStep = iota // as at the level above
	authzAsk                      // asks its service
	authzContext                  // asks the service of the virtual host, with another context
	authzSkip                     // does not ask the service of the virtual host
)

// authorizationOf returns the authorization of a route, which may be nil. A redirect to HTTPS has none: the request is
// authorized when it comes back.
func authorizationOf(r *ir.Route, host *ir.Policies) *ir.Authorization {
	if r.Redirect != nil && r.Redirect.HTTPS {
		return nil
	}
	return r.Policies.WithDefaults(host).Authorization
}

// authzStepOf returns the step of a route.
func authzStepOf(r *ir.Route, host *ir.Policies) authzStep {
	var ofHost *ir.Authorization
	if host != nil {
		ofHost = host.Authorization
	}
	own := authorizationOf(r, host)
	switch {
	case own.Asks() && (!ofHost.Asks() || own.Service != ofHost.Service):
		return authzAsk
	case own.Asks() && r.Policies != nil && r.Policies.Authorization != nil && len(r.Policies.Authorization.Context) > 0:
		return authzContext
	case !own.Asks() && ofHost.Asks():
		return authzSkip
	}
	return authzSame
}

// authorizes reports whether the requests to a route of the virtual host are authorized by the filter.
func (f *filter) authorizes(v *ir.VirtualHost) bool {
	return slices.ContainsFunc(v.Routes, func(r ir.Route) bool {
		return f.has(ir.Policies{Authorization: authorizationOf(&r, v.Policies)})
	})
}

// stepOf returns the step of a level.
func stepOf(l level) authzStep {
	if l.route == nil {
		return authzAsk
	}
	return authzStepOf(l.route, l.host)
}

// authorize returns what the level has of a filter of authorization.
func (f *filter) authorize(e *encoder, l level) part {
	step := stepOf(l)
	switch {
	case step == authzSame:
		return part{}
	case step == authzSkip || !f.has(l.of):
		return f.skip(l)
	case f.carried(l.carrier):
		return f.carriedAuthorization(e, l, step)
	}
	return f.markedAuthorization(l, step)
}

// skip returns the exemption of a route from the service of its virtual host. On a listener without TLS it takes away the
// filter or the mark: a mark that stays would replace that of another service.
func (f *filter) skip(l level) part {
	switch {
	case l.host == nil || !f.has(*l.host):
		return part{}
	case l.carrier == carrierSlots:
		return part{idle: true}
	}
	return part{settings: &extauthzv3.ExtAuthzPerRoute{Override: &extauthzv3.ExtAuthzPerRoute_Disabled{Disabled: true}}}
}

// carriedAuthorization returns the filter with its service. The context is beside it, in settings, which a slot cannot have.
func (f *filter) carriedAuthorization(e *encoder, l level, step authzStep) (out part) {
	var host *ir.Authorization
	if step == authzAsk {
		out.run = f.policy(e, l.of)
	} else {
		host = l.host.Authorization
	}
	if context := contextOf(l.of.Authorization, host); len(context) > 0 && l.carrier == carrierChain {
		out.settings = checkSettings(&extauthzv3.CheckSettings{ContextExtensions: context})
	}
	return out
}

// markedAuthorization returns the mark of the requests for the filter of the listener, and the service in its settings. A level
// that brings a service brings both; one with settings only is a route whose virtual host brings the mark.
func (f *filter) markedAuthorization(l level, step authzStep) part {
	s := l.of.Authorization.Service
	settings := &extauthzv3.CheckSettings{ContextExtensions: contextMap(l.of.Authorization.Context), WithRequestBody: requestBody(s.Body)}
	settings.ServiceOverride = &extauthzv3.CheckSettings_GrpcService{GrpcService: grpcServiceOf(s)}
	out := part{settings: checkSettings(settings)}
	if step == authzAsk {
		out.run = marked(f.name)
	}
	return out
}

// contextOf returns the entries of the context that differ from those of the virtual host, which Envoy merges.
func contextOf(own, host *ir.Authorization) map[string]string {
	present := map[ir.ContextEntry]bool{}
	if host != nil {
		for _, c := range host.Context {
			present[c] = true
		}
	}
	differ := map[string]string{}
	for _, c := range own.Context {
		if !present[c] {
			differ[c.Key] = c.Value
		}
	}
	return differ
}

func contextMap(list []ir.ContextEntry) map[string]string {
	out := make(map[string]string, len(list))
	for _, c := range list {
		out[c.Key] = c.Value
	}
	return out
}

func checkSettings(s *extauthzv3.CheckSettings) message {
	return &extauthzv3.ExtAuthzPerRoute{Override: &extauthzv3.ExtAuthzPerRoute_CheckSettings{CheckSettings: s}}
}
