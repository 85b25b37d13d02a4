package semantic

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// The limits of Envoy for the headers of a request, if none is configured.
const (
	defaultHeaderKiB = 60
	defaultHeaders   = 100
)

// limitHeaders applies what Envoy permits of the headers of a request. It returns the status of a request that is rejected, else 0.
func (x *exchange) limitHeaders(m *hcmv3.HttpConnectionManager) (status int, err error) {
	options := m.GetCommonHttpProtocolOptions()
	if err := checkFields(options, `idle_timeout max_connection_duration max_headers_count max_requests_per_connection
		headers_with_underscores_action max_stream_duration`); err != nil {
		return 0, err
	}
	size, count := 0, 0
	for name, value := range x.headers {
		if name[0] != ':' {
			count++
		}
		size += len(name) + len(value)
		if !strings.Contains(name, "_") {
			continue
		}
		switch options.GetHeadersWithUnderscoresAction() {
		case corev3.HttpProtocolOptions_ALLOW:
		case corev3.HttpProtocolOptions_REJECT_REQUEST:
			x.trace.Rejected = "the name of the header " + name + " has an underscore"
			return http.StatusBadRequest, nil
		case corev3.HttpProtocolOptions_DROP_HEADER:
			delete(x.headers, name)
		}
	}
	most, headers := 1024*int(cmp.Or(m.GetMaxRequestHeadersKb().GetValue(), defaultHeaderKiB)), int(cmp.Or(options.GetMaxHeadersCount().GetValue(), defaultHeaders))
	switch { // the sizes differ by what the client adds, and between the versions of HTTP
	case size > most+most/8 || count > headers+8:
		x.trace.Rejected = "the headers are too large or too many"
		return http.StatusRequestHeaderFieldsTooLarge, nil
	case size > most-most/8 || count > headers-8:
		return 0, errors.New("the headers have about the size that is permitted")
	}
	return 0, nil
}
