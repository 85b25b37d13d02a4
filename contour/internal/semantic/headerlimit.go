package semantic

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// The limits of Envoy for the headers of a request, if none is configured.
const (
	defaultHeaderKiB = 60
	defaultHeaders   = 100
)

// errReset means that Envoy resets the stream of the request.
var errReset = errors.New("the stream is reset")

// limitHeaders applies what Envoy permits of the headers of a request. It returns the status of a request that is rejected, else 0.
func (x *exchange) limitHeaders(m *hcmv3.HttpConnectionManager) (status int, err error) {
	options := m.GetCommonHttpProtocolOptions()
	if err := checkFields(options, `idle_timeout max_connection_duration max_headers_count max_requests_per_connection
		headers_with_underscores_action max_stream_duration`); err != nil {
		return 0, err
	}
	size := x.headerSize()
	x.sizeLimit = 1024 * int(cmp.Or(m.GetMaxRequestHeadersKb().GetValue(), defaultHeaderKiB))
	// The sizes differ by what the client and Envoy add, and between the versions of HTTP. Envoy responds with 431 to a request that exceeds
	// the limit once a script has changed its headers.
	switch most := x.sizeLimit; {
	case size > most+most/8:
		return x.tooManyHeaders()
	case size > most-max(most/8, addedSize):
		return 0, errors.New("the headers have about the size that is permitted")
	}
	if name := x.withUnderscore(options.GetHeadersWithUnderscoresAction()); name != "" {
		x.trace.Rejected = "the name of the header " + name + " has an underscore"
		if x.HTTP2 { // the stream is reset
			return 0, errReset
		}
		x.ownReply = true
		return http.StatusBadRequest, nil
	}
	switch most, count := int(cmp.Or(options.GetMaxHeadersCount().GetValue(), defaultHeaders)), len(x.headers); {
	case count > most+8:
		return x.tooManyHeaders()
	case count > most-8:
		return 0, errors.New("there are about as many headers as are permitted")
	}
	return 0, nil
}

// headerSize returns the bytes of the headers.
func (x *exchange) headerSize() (size int) {
	for name, value := range x.headers {
		size += len(name) + len(value)
	}
	return size
}

// The most bytes that Envoy adds to the headers of a request: always, and about the certificate of a client.
const (
	addedSize       = 512
	certificateSize = 8 << 10
)

// exceedsOnceAuthorized returns an error if the headers may exceed the limit of their size once Envoy and the authorization service have added
// theirs. Envoy answers those with 500 (ext_authz_invalid).
func (x *exchange) exceedsOnceAuthorized() error {
	size := x.headerSize() + addedSize
	if x.client != nil {
		size += certificateSize
	}
	if size > x.sizeLimit {
		return errors.New("the headers have about the size that is permitted once the request is authorized")
	}
	return nil
}

func (x *exchange) tooManyHeaders() (status int, err error) {
	x.trace.Rejected = "the headers are too large or too many"
	if x.HTTP2 {
		return 0, errReset
	}
	x.ownReply = true
	return http.StatusRequestHeaderFieldsTooLarge, nil
}

// withUnderscore returns the first header whose name has an underscore, if that is not permitted, or removes all of them if they are dropped.
func (x *exchange) withUnderscore(action corev3.HttpProtocolOptions_HeadersWithUnderscoresAction) string {
	for _, name := range slices.Sorted(maps.Keys(x.headers)) {
		switch {
		case action == corev3.HttpProtocolOptions_ALLOW || !strings.Contains(name, "_"):
		case action == corev3.HttpProtocolOptions_REJECT_REQUEST:
			return name
		default:
			delete(x.headers, name)
			x.dropped = append(x.dropped, name)
		}
	}
	return ""
}
