package validate

import "contour.example/contour/internal/ir"

// RetryOn checks that name is a retry condition of Envoy (the list is Contour's).
func RetryOn(name string) Problem {
	switch name {
	case "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
		"refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure",
		"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable":
		return ""
	}
	return "is not a supported retry condition, such as 5xx"
}

// TLSVersion converts a supported version of TLS; "" stands for the default.
func TLSVersion(s string) (ir.TLSVersion, Problem) {
	switch s {
	case "":
		return ir.TLSDefault, ""
	case "1.2":
		return ir.TLS12, ""
	case "1.3":
		return ir.TLS13, ""
	}
	return ir.TLSDefault, "is not one of 1.2 and 1.3"
}
