package backend

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
)

// What a proxy asks is in headers of its answers: of a limited request in those to the client, of an authorized one in those to
// the backend. All texts are escaped as in the query of a URL.
const (
	// LimitsHeader is domain|key=value,key=value|key=value: the domain and the descriptors of a question about rate limits.
	LimitsHeader = "X-Echo-Limits"
	// ContextHeader is key=value,key=value: the context of an authorization, by key.
	ContextHeader = "X-Echo-Context"
	// CheckedBodyHeader and CheckedBytesHeader are the request's body, as text or as bytes, that an authorization sees.
	CheckedBodyHeader  = "X-Echo-Checked-Body"
	CheckedBytesHeader = "X-Echo-Checked-Bytes"
)

// OverLimit is the value of an entry whose descriptor is always over its limit; all others never are.
const OverLimit = "over"

// limiter is a rate limit service that does not count.
type limiter struct {
	ratelimitv3.UnimplementedRateLimitServiceServer
}

// ShouldRateLimit implements ratelimitv3.RateLimitServiceServer.
func (limiter) ShouldRateLimit(_ context.Context, r *ratelimitv3.RateLimitRequest) (*ratelimitv3.RateLimitResponse, error) {
	out := &ratelimitv3.RateLimitResponse{OverallCode: ratelimitv3.RateLimitResponse_OK}
	said := []string{url.QueryEscape(r.GetDomain())}
	for _, d := range r.GetDescriptors() {
		code := ratelimitv3.RateLimitResponse_OK
		var entries []string
		for _, e := range d.GetEntries() {
			entries = append(entries, pair(e.GetKey(), e.GetValue()))
			if e.GetValue() == OverLimit {
				code = ratelimitv3.RateLimitResponse_OVER_LIMIT
				out.OverallCode = code
			}
		}
		said = append(said, strings.Join(entries, ","))
		out.Statuses = append(out.Statuses, &ratelimitv3.RateLimitResponse_DescriptorStatus{Code: code})
	}
	out.ResponseHeadersToAdd = []*corev3.HeaderValue{{Key: LimitsHeader, Value: strings.Join(said, "|")}}
	return out, nil
}

func pair(key, value string) string { return url.QueryEscape(key) + "=" + url.QueryEscape(value) }

// authorizer is an authorization service: a request with StatusHeader is denied with that status, all others pass.
type authorizer struct {
	authv3.UnimplementedAuthorizationServer
}

// Check implements authv3.AuthorizationServer.
func (authorizer) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	asked := r.GetAttributes()
	request := asked.GetRequest().GetHttp()
	if code, err := strconv.Atoi(request.GetHeaders()[strings.ToLower(StatusHeader)]); err == nil {
		denied := &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: typev3.StatusCode(code)}, Body: "denied"}
		return &authv3.CheckResponse{
			Status:       &status.Status{Code: int32(codes.PermissionDenied)},
			HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: denied},
		}, nil
	}
	var said []string
	for _, key := range slices.Sorted(maps.Keys(asked.GetContextExtensions())) {
		said = append(said, pair(key, asked.GetContextExtensions()[key]))
	}
	passed := &authv3.OkHttpResponse{}
	for _, h := range []*corev3.HeaderValue{
		{Key: ContextHeader, Value: strings.Join(said, ",")},
		{Key: CheckedBodyHeader, Value: url.QueryEscape(request.GetBody())},
		{Key: CheckedBytesHeader, Value: url.QueryEscape(string(request.GetRawBody()))},
	} {
		passed.Headers = append(passed.Headers, &corev3.HeaderValueOption{
			Header: h, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return &authv3.CheckResponse{
		Status: &status.Status{}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: passed},
	}, nil
}
