package translate

import (
	"strconv"
	"strings"
	"time"

	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// corsName is the name of the CORS filter, and the key of its policy in routes.
const corsName = "cors"

func hasCORS(p ir.Policies) bool { return p.CORS != nil }

// corsPolicy returns the policy with which Envoy responds to preflights of all origins; it permits only the allowed ones,
// and none reaches the backend.
func corsPolicy(_ *encoder, p ir.Policies) message {
	if !hasCORS(p) {
		return nil
	}
	c := p.CORS
	out := &corsv3.CorsPolicy{
		AllowMethods:                 strings.Join(c.Methods, ","),
		AllowHeaders:                 strings.Join(c.Headers, ","),
		ExposeHeaders:                strings.Join(c.Expose, ","),
		MaxAge:                       seconds(c.MaxAge),
		AllowCredentials:             wrapperspb.Bool(c.Credentials),
		AllowPrivateNetworkAccess:    wrapperspb.Bool(c.PrivateNetwork),
		ForwardNotMatchingPreflights: wrapperspb.Bool(false),
	}
	for _, o := range c.Origins {
		out.AllowOriginStringMatch = append(out.AllowOriginStringMatch, origin(o))
	}
	return out
}

func origin(m ir.StringMatch) *matcherv3.StringMatcher {
	if m.Kind == ir.StringRegex {
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: re2(m.Value)}}
	}
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: m.Value}, IgnoreCase: m.IgnoreCase}
}

// seconds returns a time in whole seconds, rounded; "" for the default.
func seconds(t ir.Timeout) string {
	switch {
	case t.Disabled:
		return "0"
	case t.Duration == 0:
		return ""
	}
	return strconv.FormatInt(int64(t.Duration.Round(time.Second)/time.Second), 10)
}
