package httpproxy

import (
	"math"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// retry converts the retry policy of the route; nil if there is none.
func (b *builder) retry() *ir.Retry {
	spec := b.spec.RetryPolicy
	if spec == nil {
		return nil
	}
	f, at := subCondition{report.TypeRoute, report.RetryPolicyNotValid}, b.at.dot("retryPolicy")
	out := &ir.Retry{On: b.retryOn(spec.RetryOn, at)}
	switch {
	case spec.NumRetries < -1 || spec.NumRetries > math.MaxUint32:
		b.reject(f, at.dot("count"), "The count %d is not between -1 and %d.", spec.NumRetries, uint32(math.MaxUint32))
	case spec.NumRetries == 0:
		out.Count = 1
	case spec.NumRetries > 0:
		out.Count = uint32(spec.NumRetries)
	}
	limit, problem := validate.Timeout(spec.PerTryTimeout)
	if problem != "" {
		b.reject(f, at.dot("perTryTimeout"), "%s %s.", quoted(spec.PerTryTimeout), problem)
	}
	if !limit.Disabled { // without a timeout of each attempt, the timeout of the request applies
		out.PerTry = limit
	}
	for i, code := range spec.RetriableStatusCodes {
		if problem := validate.RetryCode(code); problem != "" {
			b.reject(f, at.dot("retriableStatusCodes").at(i), "The status code %d %s.", code, problem)
		}
		out.StatusCode = append(out.StatusCode, code)
	}
	return out
}

// retryOn returns the retry conditions.
func (b *builder) retryOn(names []contourv1.RetryOn, at path) []string {
	if len(names) == 0 {
		return []string{"5xx"}
	}
	out := make([]string, 0, len(names))
	for i, n := range names {
		if problem := validate.RetryOn(string(n)); problem != "" {
			b.reject(subCondition{report.TypeRoute, report.RetryPolicyNotValid}, at.dot("retryOn").at(i), "%s %s.", quoted(string(n)), problem)
		}
		out = append(out, string(n))
	}
	return out
}
