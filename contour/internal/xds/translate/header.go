package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"contour.example/contour/internal/ir"
)

// setHeaders adds each header, or overwrites it.
func setHeaders(of []ir.Header) []*corev3.HeaderValueOption {
	options := make([]*corev3.HeaderValueOption, 0, len(of))
	for _, h := range of {
		action := corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD
		if h.Append {
			action = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
		}
		options = append(options, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h.Name, Value: h.Value}, AppendAction: action,
		})
	}
	return options
}

// edits reports whether any header is changed.
func edits(e ir.HeaderEdits) bool { return len(e.Set)+len(e.Remove) > 0 }
