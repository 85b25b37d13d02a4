package httpproxy

import (
	"strings"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// timeouts is the limits in time of a route.
type timeouts struct {
	response, idle, connection ir.Timeout
}

func (b *builder) timeouts() timeouts {
	spec := b.spec.TimeoutPolicy
	if spec == nil {
		return timeouts{}
	}
	read := func(field, text string) ir.Timeout {
		limit, ok := parseTimeout(text)
		if !ok {
			b.reject(fault{report.TypeRoute, report.TimeoutPolicyNotValid}, b.at.dot("timeoutPolicy").dot(field),
				"%s is not a duration such as 1m30s, or infinity.", quoted(text))
		}
		return limit
	}
	return timeouts{
		response:   read("response", spec.Response),
		idle:       read("idle", spec.Idle),
		connection: read("idleConnection", spec.IdleConnection),
	}
}

// parseTimeout reads a limit in time: a Go duration without a sign, or infinity, or infinite. Nothing and zero
// stand for Envoy's default. Fractions of a millisecond, which Envoy would cut off, are rounded up.
func parseTimeout(s string) (ir.Timeout, bool) {
	switch s {
	case "":
		return ir.Timeout{}, true
	case "infinity", "infinite":
		return ir.Timeout{Disabled: true}, true
	}
	d, err := time.ParseDuration(s)
	if err != nil || strings.ContainsAny(s[:1], "+-") {
		return ir.Timeout{}, false
	}
	if up := d.Truncate(time.Millisecond); up < d {
		d = up + time.Millisecond
	}
	return ir.Timeout{Duration: d}, d >= 0
}
