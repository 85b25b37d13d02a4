package semantic

import (
	"errors"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// enabled returns the filters that Envoy makes for a request whose first route has these levels, which it does once, whatever route the
// request has in the end: those of the listener except where the most specific level that mentions a filter disables it. Without a
// route there are no levels.
func enabled(filters []*hcmv3.HttpFilter, first levels) ([]*hcmv3.HttpFilter, error) {
	var out []*hcmv3.HttpFilter
	for _, f := range filters {
		off := f.GetDisabled()
		for _, level := range first {
			packed := level[f.GetName()]
			if packed == nil {
				continue
			}
			off = false
			if !switches(packed) {
				continue
			}
			config, err := unpack(packed, &routev3.FilterConfig{})
			if err != nil {
				return nil, err
			}
			if off = config.GetDisabled(); !off && (config.GetConfig() == nil || config.GetConfig().GetTypeUrl() != "") {
				return nil, errors.New("the model does not support this configuration of the filter " + f.GetName())
			}
		}
		if !off {
			out = append(out, f)
		}
	}
	return out, nil
}

// switches reports whether configuration of a filter only enables or disables it.
func switches(packed *anypb.Any) bool { return packed.MessageIs((*routev3.FilterConfig)(nil)) }
