package metrics

import (
	"net/http"
	"strconv"
)

// MissingPermissions records the permissions at the API server that are missing: the verb, the resource and the namespace of each.
func (m *Metrics) MissingPermissions(all [][3]string) {
	m.missing.Reset()
	for _, p := range all {
		m.missing.WithLabelValues(p[:]...).Set(1)
	}
}

// CountRequests returns a transport that counts the requests of clients of the API server, also those that fail.
func (m *Metrics) CountRequests(to http.RoundTripper) http.RoundTripper {
	return &countedTransport{m, to}
}

type countedTransport struct {
	metrics *Metrics
	to      http.RoundTripper
}

// RoundTrip sends a request.
func (t *countedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.to.RoundTrip(r)
	code := "<error>" // as in the metrics of other clients
	if err == nil {
		code = strconv.Itoa(response.StatusCode)
	}
	t.metrics.requests.WithLabelValues(code, r.Method, r.URL.Host).Inc()
	return response, err
}

// WrappedRoundTripper returns the transport that sends, by which the client finds its connections.
func (t *countedTransport) WrappedRoundTripper() http.RoundTripper { return t.to }
