package translate

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	localratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/local_ratelimit/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// localLimitStats is the prefix of the statistics of all local rate limits: Envoy never frees the memory of a name.
const localLimitStats = "local_rate_limit"

func hasLocalRateLimit(p ir.Policies) bool {
	return p.LocalRateLimit != nil && !p.LocalRateLimit.Invalid
}

// localRateLimit returns a token bucket. By default Envoy enforces it for no request, so the fractions are set.
func localRateLimit(_ *encoder, p ir.Policies) message {
	if !hasLocalRateLimit(p) {
		return nil
	}
	l := p.LocalRateLimit
	if l.Unlimited {
		return unlimited()
	}
	return &localratelimitv3.LocalRateLimit{
		StatPrefix: localLimitStats,
		Status:     &typev3.HttpStatus{Code: typev3.StatusCode(l.Code)},
		TokenBucket: &typev3.TokenBucket{
			MaxTokens: l.Requests + l.Burst, TokensPerFill: wrapperspb.UInt32(l.Requests), FillInterval: durationpb.New(l.Interval),
		},
		FilterEnabled:        everyRequest(),
		FilterEnforced:       everyRequest(),
		ResponseHeadersToAdd: setHeaders(l.Headers),
	}
}

func everyRequest() *corev3.RuntimeFractionalPercent {
	return &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{Numerator: 100}}
}

// unlimited replaces the token bucket of the virtual host by a filter that is enabled for no request. A bucket is mandatory
// in routes.
func unlimited() *localratelimitv3.LocalRateLimit {
	return &localratelimitv3.LocalRateLimit{
		StatPrefix:    localLimitStats,
		TokenBucket:   &typev3.TokenBucket{MaxTokens: 1, FillInterval: durationpb.New(time.Hour)},
		FilterEnabled: &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{}},
	}
}
