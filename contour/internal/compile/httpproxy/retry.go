package httpproxy

import (
	"math"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/timeout"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// retry is when failed requests of the route are sent again; nil if nothing is said about it.
func (b *builder) retry() *ir.Retry {
	spec := b.spec.RetryPolicy
	if spec == nil {
		return nil
	}
	f, at := fault{report.TypeRoute, report.RetryPolicyNotValid}, b.at.dot("retryPolicy")
	out := &ir.Retry{On: b.retryOn(spec.RetryOn, at)}
	switch {
	case spec.NumRetries < -1 || spec.NumRetries > math.MaxUint32:
		b.reject(f, at.dot("count"), "The count %d is not between -1 and %d.", spec.NumRetries, uint32(math.MaxUint32))
	case spec.NumRetries == 0:
		out.Count = 1
	case spec.NumRetries > 0:
		out.Count = uint32(spec.NumRetries)
	}
	limit, ok := timeout.Parse(spec.PerTryTimeout)
	if !ok {
		b.reject(f, at.dot("perTryTimeout"), "%s is not a duration such as 1m30s, or infinity.", quoted(spec.PerTryTimeout))
	}
	if !limit.Disabled { // without a limit for each attempt, the one for all of them counts
		out.PerTry = limit
	}
	for i, code := range spec.RetriableStatusCodes {
		if code < 100 || code > 599 {
			b.reject(f, at.dot("retriableStatusCodes").at(i), "The status code %d is not between 100 and 599.", code)
		}
		out.StatusCode = append(out.StatusCode, code)
	}
	return out
}

// retryOn is the failures after which a request is sent again.
func (b *builder) retryOn(names []contourv1.RetryOn, at path) []string {
	if len(names) == 0 {
		return []string{"5xx"}
	}
	out := make([]string, 0, len(names))
	for i, n := range names {
		if !isRetryOn(n) {
			b.reject(fault{report.TypeRoute, report.RetryPolicyNotValid}, at.dot("retryOn").at(i),
				"%s is not a failure that can be retried.", quoted(string(n)))
		}
		out = append(out, string(n))
	}
	return out
}

func isRetryOn(n contourv1.RetryOn) bool {
	switch n {
	case "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
		"refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure",
		"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable":
		return true
	}
	return false
}
