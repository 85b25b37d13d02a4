package validate

import (
	"strings"
	"time"

	"contour.example/contour/internal/ir"
)

// Timeout converts a timeout: a Duration, infinity or infinite. The empty string and zero stand for Envoy's default.
// Fractions of a millisecond, which Envoy would truncate, are rounded up.
func Timeout(s string) (ir.Timeout, Problem) {
	switch s {
	case "":
		return ir.Timeout{}, ""
	case "infinity", "infinite":
		return ir.Timeout{Disabled: true}, ""
	}
	d, p := Duration(s)
	if up := d.Truncate(time.Millisecond); up < d {
		d = up + time.Millisecond
	}
	if p != "" || d < 0 {
		return ir.Timeout{}, "is not a duration such as 1m30s, or infinity"
	}
	return ir.Timeout{Duration: d}, ""
}

// Duration converts a Go duration without a sign.
func Duration(s string) (time.Duration, Problem) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || strings.ContainsAny(s[:1], "+-") {
		return 0, "is not a duration such as 1m30s"
	}
	return d, ""
}
