package translate

import (
	"strings"
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	setmetadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_metadata/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// The filters of authorization. Where a carrier runs them, the route table has all their configuration. The context of a
// request, which a gRPC service receives, is possible only in configuration that a filter reads under its own name, and a
// slot has another name: so listeners without TLS have the filters for gRPC services, with a service that does not exist,
// and route tables give them one. They act on requests that a slot has marked, so that they do nothing for the tables of a
// former controller, and a request that is marked and has no service is answered with an error. Whether requests are allowed
// while the service is away cannot be said in a route table, so that there are two of them.
const (
	authzName     = "ext_authz"
	openAuthzName = "ext_authz_open" // allows requests while the service is away
	httpAuthzName = "ext_authz_http"
)

// noService is the name of the cluster of the filters on listeners. It does not exist.
const noService = "no-authorization-service"

// authzMark is the key of the metadata that marks a request, and its namespace; the value is the name of the filter.
const authzMark = "authorize"

// authzTimeout is Envoy's default for the answer of a service.
const authzTimeout = 200 * time.Millisecond

// authzFilters returns the filters of authorization.
func authzFilters() []filter {
	grpc := func(name string, at place, open bool) filter {
		return authzFilter(filter{
			name: name, place: at, onlyInChain: true,
			has: func(p ir.Policies) bool {
				return asks(p) && p.Authorization.Service.HTTP == nil && p.Authorization.Service.FailOpen == open
			},
			listener: func(e *encoder, _ httpChain) *hcmv3.HttpFilter { return httpFilter(e, name, baseAuthz(name, open)) },
		})
	}
	return []filter{
		authzFilter(filter{
			name: httpAuthzName, place: placeAuthorizeHTTP,
			has: func(p ir.Policies) bool { return asks(p) && p.Authorization.Service.HTTP != nil },
		}),
		grpc(authzName, placeAuthorize, false), grpc(openAuthzName, placeAuthorizeOpen, true),
	}
}

// authzFilter returns f with everything that all filters of authorization have. It is shared, so that routes do not repeat it.
func authzFilter(f filter) filter {
	f.shared = true
	f.policy = func(_ *encoder, p ir.Policies) message {
		if !f.has(p) {
			return nil
		}
		return authzOf(p.Authorization.Service)
	}
	f.used, f.refer = f.authorizes, f.authorize
	return f
}

func asks(p ir.Policies) bool { return p.Authorization.Asks() }

// baseAuthz returns the filter of a listener without TLS, whose route tables have the service.
func baseAuthz(name string, open bool) *extauthzv3.ExtAuthz {
	m := newAuthz(open)
	m.FilterEnabledMetadata = &matcherv3.MetadataMatcher{
		Filter: authzMark,
		Path:   []*matcherv3.MetadataMatcher_PathSegment{{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: authzMark}}},
		Value: &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{
			StringMatch: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
		}},
	}
	m.Services = &extauthzv3.ExtAuthz_GrpcService{GrpcService: grpcService(noService, "none", ir.Timeout{})}
	return m
}

// marked returns the filter that marks requests for the filter of that name.
func marked(name string) message {
	return &setmetadatav3.Config{Metadata: []*setmetadatav3.Metadata{{
		MetadataNamespace: authzMark, AllowOverwrite: true,
		Value: &structpb.Struct{Fields: map[string]*structpb.Value{authzMark: structpb.NewStringValue(name)}},
	}}}
}

// authzOf returns the filter that asks the service.
func authzOf(s *ir.AuthorizationService) message {
	m := newAuthz(s.FailOpen)
	m.WithRequestBody = requestBody(s.Body)
	if s.HTTP == nil {
		m.Services = &extauthzv3.ExtAuthz_GrpcService{GrpcService: grpcServiceOf(s)}
		return m
	}
	m.AllowedHeaders = headerNames(s.HTTP.RequestHeaders)
	m.Services = &extauthzv3.ExtAuthz_HttpService{HttpService: &extauthzv3.HttpService{
		ServerUri: &corev3.HttpUri{
			Uri: "http://" + authorityOf(s.Cluster), Timeout: authzLimit(s.Timeout),
			HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: extensionName(s.Cluster)},
		},
		PathPrefix:            s.HTTP.PathPrefix,
		AuthorizationResponse: &extauthzv3.AuthorizationResponse{AllowedUpstreamHeaders: headerNames(s.HTTP.UpstreamHeaders)},
	}}
	return m
}

// newAuthz returns a filter without a service. While the service is away it answers with 503, so that this does not look
// like a refusal. The service does not select another route: that route has other policies, which the request has not passed.
func newAuthz(open bool) *extauthzv3.ExtAuthz {
	return &extauthzv3.ExtAuthz{
		TransportApiVersion:    corev3.ApiVersion_V3,
		FailureModeAllow:       open,
		StatusOnError:          &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		IncludePeerCertificate: true,
		ValidateMutations:      true,
		DecoderHeaderMutationRules: &mutationv3.HeaderMutationRules{
			DisallowSystem: wrapperspb.Bool(true),
			// An Envoy whose runtime does not say otherwise accepts a program of 100 instructions.
			DisallowExpression: &matcherv3.RegexMatcher{
				Regex: "(proxy-)?connection|content-length|keep-alive|t(e|railer|ransfer-encoding)|upgrade|" + shardHeader,
			},
		},
	}
}

func requestBody(b *ir.AuthorizationBody) *extauthzv3.BufferSettings {
	if b == nil {
		return nil
	}
	return &extauthzv3.BufferSettings{MaxRequestBytes: b.MaxBytes, AllowPartialMessage: b.Partial, PackAsBytes: b.Raw}
}

func grpcServiceOf(s *ir.AuthorizationService) *corev3.GrpcService {
	return grpcService(extensionName(s.Cluster), authorityOf(s.Cluster), s.Timeout)
}

func grpcService(cluster, authority string, limit ir.Timeout) *corev3.GrpcService {
	return &corev3.GrpcService{
		TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: cluster, Authority: authority}},
		Timeout:         authzLimit(limit),
	}
}

// authorityOf returns the host of calls: the server name of TLS, else a name made of that of the object, as in Contour.
func authorityOf(c ir.ExtensionCluster) string {
	if c.SNI != "" {
		return c.SNI
	}
	return strings.Join([]string{"extension", c.Object.Namespace, c.Object.Name}, ".")
}

// authzLimit returns the timeout of a call; zero is none.
func authzLimit(t ir.Timeout) *durationpb.Duration {
	if limit := timeout(t); limit != nil {
		return limit
	}
	return durationpb.New(authzTimeout)
}

// headerNames returns the names of headers; nil for none.
func headerNames(names []ir.StringMatch) *matcherv3.ListStringMatcher {
	if len(names) == 0 {
		return nil
	}
	out := &matcherv3.ListStringMatcher{}
	for _, n := range names {
		out.Patterns = append(out.Patterns, headerName(n))
	}
	return out
}

func headerName(n ir.StringMatch) *matcherv3.StringMatcher {
	switch n.Kind {
	case ir.StringPrefix:
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: n.Value}}
	case ir.StringSuffix:
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: n.Value}}
	case ir.StringContains:
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Contains{Contains: n.Value}}
	case ir.StringExact, ir.StringRegex, ir.StringPresent:
	}
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: n.Value}}
}
