package settings

import (
	"maps"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
)

// maxRuntimeValues and maxRuntimeBytes bound the values of the runtime, and the text of each.
const (
	maxRuntimeValues = 256
	maxRuntimeBytes  = 256
)

// runtime sets values of the runtime of Envoy. Envoy knows which keys there are; those that have a setting of their own, or on which
// budgets rely, cannot be set.
func (a *applier) runtime(values map[string]string) {
	const field = "envoy.runtimeSettings"
	if len(values) > maxRuntimeValues {
		a.errorf(field, "There are %d values; at most %d are allowed.", len(values), maxRuntimeValues)
		return
	}
	var out []ir.RuntimeValue
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch value := values[key]; {
		case key == "" || len(key) > maxRuntimeBytes || len(value) > maxRuntimeBytes:
			a.errorf(field, "The key %.300q or its value is empty, or longer than %d bytes.", key, maxRuntimeBytes)
		case value == "":
			a.errorf(field, "The key %q has no value.", key)
		case key == "http.max_requests_per_io_cycle":
			a.errorf(field, "The key %q has the setting listener.max-requests-per-io-cycle.", key)
		case strings.HasPrefix(key, "envoy.resource_limits.listener."):
			a.errorf(field, "The key %q has the setting listener.max-connections-per-listener.", key)
		case strings.HasPrefix(key, "re2.max_program_size."):
			a.errorf(field, "The key %q has the setting budgets.expression-size.", key)
		default:
			out = append(out, ir.RuntimeValue{Key: key, Value: value})
		}
	}
	if len(out) > 0 {
		a.cfg.Runtime.Values = out
	}
}
