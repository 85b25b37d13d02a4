package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// limitsGlobally reports whether the policy has a global limit of its own, or disables those of its host.
func limitsGlobally(r *contourv1.RateLimitPolicy) (limits, disables bool) {
	if r == nil || r.Global == nil {
		return false, false
	}
	return len(r.Global.Descriptors) > 0 && !r.Global.Disabled, r.Global.Disabled
}

// hostGlobalLimit returns the global rate limit of the virtual host: its own one, else that of the configuration; nil if there
// is none.
func (p *proxy) hostGlobalLimit(at path) *ir.GlobalRateLimit {
	policy := p.host.RateLimitPolicy
	if limits, disables := limitsGlobally(policy); limits {
		limit, ok := p.globalLimit(policy, at.dot("rateLimitPolicy.global"), report.TypeVirtualHost)
		if !ok {
			return &ir.GlobalRateLimit{Invalid: true}
		}
		return limit
	} else if disables || policy != nil && policy.Global != nil {
		return nil
	}
	service := p.env.RateLimits.Service(p.reader)
	if service.HasDefault {
		p.reportService(service, at, report.TypeVirtualHost)
	}
	return service.Default
}

// routeGlobalLimit returns the global rate limit of the route as far as it differs from that of its host; nil if it does not,
// false if it is invalid. It replaces that of the host, as in Contour.
func (b *builder) routeGlobalLimit() (*ir.GlobalRateLimit, bool) {
	limits, disables := limitsGlobally(b.spec.RateLimitPolicy)
	switch {
	case limits && len(b.spec.Services) == 0:
		b.warnf(subCondition{report.TypeRoute, report.IgnoredField}, b.at.dot("rateLimitPolicy.global"), "A route without services has no global rate limit; the field is ignored.")
		return nil, true
	case limits:
		return b.globalLimit(b.spec.RateLimitPolicy, b.at.dot("rateLimitPolicy.global"), report.TypeRoute)
	case disables && b.limited != nil:
		return &ir.GlobalRateLimit{Service: b.limited.Service}, true
	}
	return nil, true
}

// globalLimit converts a policy with descriptors; false if it is invalid.
func (p *proxy) globalLimit(policy *contourv1.RateLimitPolicy, at path, t report.Type) (*ir.GlobalRateLimit, bool) {
	f := subCondition{t, report.RateLimitPolicyNotValid}
	descriptors, problems := ratelimit.Descriptors(policy.Global, p.regex)
	for _, problem := range problems {
		p.errorf(f, at.dot(problem.Field), "%s", problem.Message)
	}
	if len(problems) > 0 {
		return nil, false
	}
	if !p.affordsExpressions(p.limitExpressions(descriptors)) {
		p.errorf(subCondition{t, report.BudgetExceeded}, at, "The regular expressions of the host, with those of the limit, cost more than %d.", p.budgets.HostExpressions)
		return nil, false
	}
	service := p.env.RateLimits.Service(p.reader)
	p.reportService(service, at, t)
	limit := service.Limit(descriptors)
	return limit, limit == nil || !limit.Invalid
}

// limitExpressions is the cost of the regular expressions of descriptors.
func (c *compiler) limitExpressions(descriptors []ir.LimitDescriptor) int {
	cost := 0
	for _, d := range descriptors {
		for i := range d {
			for _, h := range d[i].Headers {
				if h.Kind == ir.StringRegex {
					cost += c.expressions.verdicts[h.Value].Cost
				}
			}
		}
	}
	return cost
}

// reportService reports that the rate limit service cannot be asked.
func (p *proxy) reportService(s ratelimit.Service, at path, t report.Type) {
	f := subCondition{t, report.RateLimitServiceNotFound}
	switch {
	case s.Service != nil:
	case s.Open:
		p.warnf(f, at, "Requests are not limited globally: %s", s.Problem)
	default:
		p.errorf(f, at, "Requests cannot be limited globally: %s", s.Problem)
	}
}

// repeatsHostLimit counts the regular expressions of the host's limit for a route with policies of its own, which repeats that
// limit after them, and reports whether they are within the budget of a host.
func (b *builder) repeatsHostLimit(own ir.Policies) bool {
	if own == (ir.Policies{}) || own.GlobalRateLimit != nil || b.limited == nil || b.limitExpressions(b.limited.Descriptors) == 0 {
		return true
	}
	if b.affordsExpressions(b.limitExpressions(b.limited.Descriptors)) {
		return true
	}
	b.errorf(subCondition{report.TypeRoute, report.BudgetExceeded}, b.at, "The regular expressions of the host, with those of its rate limit for the route, cost more than %d.", b.budgets.HostExpressions)
	return false
}
