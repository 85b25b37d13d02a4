package httpproxy

import (
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// timeouts contains the timeouts of a route.
type timeouts struct {
	response, idle, connection ir.Timeout
}

func (b *builder) timeouts() timeouts {
	spec := b.spec.TimeoutPolicy
	if spec == nil {
		return timeouts{}
	}
	read := func(field, text string) ir.Timeout {
		limit, problem := validate.Timeout(text)
		if problem != "" {
			b.reject(subCondition{report.TypeRoute, report.TimeoutPolicyNotValid}, b.at.dot("timeoutPolicy").dot(field), "%s %s.", quoted(text), problem)
		}
		return limit
	}
	return timeouts{
		response:   read("response", spec.Response),
		idle:       read("idle", spec.Idle),
		connection: read("idleConnection", spec.IdleConnection),
	}
}
