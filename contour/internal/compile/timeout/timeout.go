// Package timeout reads limits in time as the APIs write them: in fields of HTTPProxy and annotations of Ingress.
package timeout

import (
	"strings"
	"time"

	"contour.example/contour/internal/ir"
)

// Parse reads a limit in time: a Go duration without a sign, or infinity, or infinite. Nothing and zero
// stand for Envoy's default. Fractions of a millisecond, which Envoy would cut off, are rounded up.
func Parse(s string) (ir.Timeout, bool) {
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
