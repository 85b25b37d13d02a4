package semantic

import (
	"errors"
	"fmt"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ratelimit/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// The rate limit service of the model has a limit of no requests for descriptors with an entry of the value OverLimit, and no
// others. It gives the header LimitsHeader to the backend: the domain and the descriptors that it received.
const (
	OverLimit    = "over"
	LimitsHeader = "x-limits"
)

// Limits returns the value of LimitsHeader.
func Limits(domain string, descriptors []string) string {
	return domain + ": " + strings.Join(descriptors, "; ")
}

// rateLimit asks the service of a ratelimit filter about a request to a route that forwards it.
func (x *exchange) rateLimit(p *filterResult, packed *anypb.Any) error {
	m, err := unpack(packed, &ratelimitv3.RateLimit{})
	if err != nil {
		return err
	}
	if err := checkFields(m, `domain timeout failure_mode_deny rate_limited_as_resource_exhausted rate_limit_service
		enable_x_ratelimit_headers status_on_error rate_limits`); err != nil {
		return err
	}
	var descriptors []string
	over := false
	for _, l := range m.GetRateLimits() {
		entries, err := x.descriptor(l)
		if err != nil {
			return err
		}
		if entries == nil {
			continue
		}
		for _, e := range entries {
			over = over || strings.HasSuffix(e, "="+OverLimit)
		}
		descriptors = append(descriptors, strings.Join(entries, ","))
	}
	if !x.forwarded || len(descriptors) == 0 {
		return nil
	}
	_, ready, err := x.envoy.upstream(m.GetRateLimitService().GetGrpcService().GetEnvoyGrpc().GetClusterName(), false)
	switch {
	case err != nil:
		return err
	case !ready && !m.GetFailureModeDeny():
	case !ready:
		p.answered, p.answer = true, Answer{Status: int(m.GetStatusOnError().GetCode())}
	case x.Allowed:
		x.trace.Asked = append(x.trace.Asked, "rate limit")
	case over:
		p.answered, p.answer = true, x.overLimit(m)
	default:
		p.setRequest(LimitsHeader, Limits(m.GetDomain(), descriptors))
	}
	return nil
}

// overLimit returns the reply to a request over the limit.
func (x *exchange) overLimit(m *ratelimitv3.RateLimit) Answer {
	a := Answer{Status: 429, Changes: Changes{Set: map[string]string{"x-envoy-ratelimited": "true"}}}
	if m.GetRateLimitedAsResourceExhausted() && isGRPC(x.Headers) {
		a.GRPCStatus = "8" // resource exhausted
	}
	return a
}

// descriptor returns the entries of a descriptor; nil if one of them has no value.
func (x *exchange) descriptor(l *routev3.RateLimit) ([]string, error) {
	if err := checkFields(l, "actions"); err != nil {
		return nil, err
	}
	var out []string
	for _, a := range l.GetActions() {
		entry, ok, err := x.entry(a)
		if err != nil || !ok {
			return nil, err
		}
		out = append(out, entry)
	}
	return out, nil
}

// entry returns an entry of a descriptor; false if it has no value.
func (x *exchange) entry(a *routev3.RateLimit_Action) (string, bool, error) {
	switch by := a.GetActionSpecifier().(type) {
	case *routev3.RateLimit_Action_GenericKey_:
		key := by.GenericKey.GetDescriptorKey()
		if key == "" {
			key = "generic_key"
		}
		return key + "=" + by.GenericKey.GetDescriptorValue(), true, checkFields(by.GenericKey, "descriptor_key descriptor_value")
	case *routev3.RateLimit_Action_RemoteAddress_:
		return "remote_address=" + x.remote.String(), true, nil
	case *routev3.RateLimit_Action_RequestHeaders_:
		value, present := x.headers[headerName(by.RequestHeaders.GetHeaderName())]
		return by.RequestHeaders.GetDescriptorKey() + "=" + value, present, checkFields(by.RequestHeaders, "header_name descriptor_key")
	case *routev3.RateLimit_Action_HeaderValueMatch_:
		return x.headerEntry(by.HeaderValueMatch)
	}
	return "", false, errors.New("the model does not support the action of the rate limit")
}

func (x *exchange) headerEntry(m *routev3.RateLimit_Action_HeaderValueMatch) (string, bool, error) {
	if err := checkFields(m, "descriptor_value expect_match headers"); err != nil {
		return "", false, err
	}
	met := true
	for _, h := range m.GetHeaders() {
		ok, err := x.matchesHeader(h)
		if err != nil {
			return "", false, fmt.Errorf("header of a rate limit: %w", err)
		}
		met = met && ok
	}
	return "header_match=" + m.GetDescriptorValue(), met == m.GetExpectMatch().GetValue(), nil
}
