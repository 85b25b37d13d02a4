package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	ratelimitconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/ratelimit/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ratelimit/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

func hasGlobalRateLimit(p ir.Policies) bool {
	g := p.GlobalRateLimit
	return g != nil && !g.Invalid && g.Service != nil
}

// limitsGlobally reports whether the requests to a route are counted by a service. Envoy counts only those that it forwards.
func limitsGlobally(r *ir.Route, host *ir.Policies) bool {
	return reachesBackend(r) && r.Policies.WithDefaults(host).GlobalRateLimit.Limits()
}

// globalRateLimit returns the filter that asks the service. The descriptors are part of it: those
// of a route or a virtual host would apply to all such filters. Without descriptors it asks nothing, in the place of that of the
// virtual host. While the service is away it answers with 503, so that this does not look like a limit.
func globalRateLimit(_ *encoder, p ir.Policies) message {
	if !hasGlobalRateLimit(p) {
		return nil
	}
	s := p.GlobalRateLimit.Service
	m := &ratelimitv3.RateLimit{
		Domain:                         s.Domain,
		Timeout:                        timeout(s.Timeout),
		FailureModeDeny:                !s.FailOpen,
		RateLimitedAsResourceExhausted: s.ResourceExhausted,
		StatusOnError:                  &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		RateLimitService: &ratelimitconfigv3.RateLimitServiceConfig{
			TransportApiVersion: corev3.ApiVersion_V3,
			GrpcService: &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: extensionName(s.Cluster), Authority: authorityOf(s.Cluster)},
			}},
		},
	}
	if s.Headers {
		m.EnableXRatelimitHeaders = ratelimitv3.RateLimit_DRAFT_VERSION_03
	}
	for _, d := range p.GlobalRateLimit.Descriptors {
		limit := &routev3.RateLimit{}
		for i := range d {
			limit.Actions = append(limit.Actions, limitAction(&d[i]))
		}
		m.RateLimits = append(m.RateLimits, limit)
	}
	return m
}

func limitAction(entry *ir.LimitEntry) *routev3.RateLimit_Action {
	switch entry.Kind {
	case ir.LimitHeader:
		return &routev3.RateLimit_Action{ActionSpecifier: &routev3.RateLimit_Action_RequestHeaders_{
			RequestHeaders: &routev3.RateLimit_Action_RequestHeaders{HeaderName: entry.Header, DescriptorKey: entry.Key},
		}}
	case ir.LimitMatch:
		match := &routev3.RateLimit_Action_HeaderValueMatch{DescriptorValue: entry.Value, ExpectMatch: wrapperspb.Bool(!entry.Unless)}
		for _, h := range entry.Headers {
			match.Headers = append(match.Headers, headerMatcher(h))
		}
		return &routev3.RateLimit_Action{ActionSpecifier: &routev3.RateLimit_Action_HeaderValueMatch_{HeaderValueMatch: match}}
	case ir.LimitAddress:
		return &routev3.RateLimit_Action{ActionSpecifier: &routev3.RateLimit_Action_RemoteAddress_{RemoteAddress: &routev3.RateLimit_Action_RemoteAddress{}}}
	case ir.LimitConstant:
	}
	return &routev3.RateLimit_Action{ActionSpecifier: &routev3.RateLimit_Action_GenericKey_{
		GenericKey: &routev3.RateLimit_Action_GenericKey{DescriptorKey: entry.Key, DescriptorValue: entry.Value},
	}}
}
