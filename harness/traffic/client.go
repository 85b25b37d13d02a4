package traffic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"contour.example/harness/backend"
	"contour.example/harness/poll"
)

// DefaultTimeout bounds a request from connecting to the last byte of the answer.
const DefaultTimeout = 10 * time.Second

// Client has the addresses of the proxy.
type Client struct {
	// HTTP and HTTPS are host:port of the two listeners.
	HTTP, HTTPS string
}

// Request specifies a request. The zero value of a field is the default.
type Request struct {
	Method string // GET
	// Host is the Host header, or :authority, with a port only if one is to be sent.
	Host string
	// Path is sent as it is, with the query.
	Path    string // /
	Headers http.Header
	Body    string
	// HTTP2 uses HTTP/2: by ALPN with TLS, by prior knowledge without.
	HTTP2 bool
	// TLS sends the request to the HTTPS listener.
	TLS *TLS
	// Timeout is DefaultTimeout if zero.
	Timeout time.Duration
}

// TLS specifies the TLS handshake.
type TLS struct {
	// ServerName is the SNI; empty is the request's host.
	ServerName string
	// Roots verifies the proxy's certificate; nil accepts any.
	Roots *x509.CertPool
	// Certificates are the client's, if it has one.
	Certificates []tls.Certificate
	// MinVersion and MaxVersion are those of crypto/tls.
	MinVersion, MaxVersion uint16
}

// Answer is the response to a request.
type Answer struct {
	Status  int
	Headers http.Header
	Body    []byte
	Proto   string // HTTP/1.1 or HTTP/2.0
	// Echo is the backend's description of the request; nil if the answer is not from one of our backends.
	Echo *backend.Echo
	// TLS is the state of the connection; nil without TLS.
	TLS *tls.ConnectionState
	// Took is the time from before connecting to after the last byte.
	Took time.Duration
}

// Backend is the service that answered, empty if it was none of ours.
func (a Answer) Backend() string {
	if a.Echo == nil {
		return ""
	}
	return a.Echo.Service
}

// String is for messages.
func (a Answer) String() string {
	if b := a.Backend(); b != "" {
		return fmt.Sprintf("status %d from backend %s", a.Status, b)
	}
	const enough = 200
	return fmt.Sprintf("status %d, body %q", a.Status, a.Body[:min(len(a.Body), enough)])
}

// Do sends one request over a connection of its own.
func (c Client) Do(ctx context.Context, r Request) (Answer, error) {
	t := c.Transport(r)
	defer t.CloseIdleConnections()
	return Do(ctx, t, r)
}

// Get sends a GET request for a path of a host.
func (c Client) Get(ctx context.Context, host, path string) (Answer, error) {
	return c.Do(ctx, Request{Host: host, Path: path})
}

// Until sends the request repeatedly until check returns "", and returns the answer.
// check returns what is wrong with an answer, or "".
func (c Client) Until(ctx context.Context, timeout time.Duration, r Request, check func(Answer) string) (Answer, error) {
	var last Answer
	err := poll.Until(ctx, timeout, "answer to "+r.String(), func(ctx context.Context) (bool, string, error) {
		a, err := c.Do(ctx, r)
		if err != nil {
			return false, err.Error(), nil
		}
		last = a
		wrong := check(a)
		return wrong == "", wrong, nil
	})
	return last, err
}

// Do sends one request over a transport that may be shared.
func Do(ctx context.Context, t http.RoundTripper, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, orElse(r.Timeout, DefaultTimeout))
	defer cancel()
	request, err := r.build(ctx)
	if err != nil {
		return Answer{}, err
	}
	start := time.Now()
	response, err := t.RoundTrip(request)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", r, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: body of the answer: %w", r, err)
	}
	return Answer{
		Status: response.StatusCode, Headers: response.Header, Body: body, Proto: response.Proto,
		Echo: parseEcho(body), TLS: response.TLS, Took: time.Since(start),
	}, nil
}

// Transport connects to the proxy as the request wants; it keeps connections for more requests.
func (c Client) Transport(r Request) *http.Transport {
	address := c.HTTP
	if r.TLS != nil {
		address = c.HTTPS
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!r.HTTP2)
	protocols.SetHTTP2(r.HTTP2 && r.TLS != nil)
	protocols.SetUnencryptedHTTP2(r.HTTP2 && r.TLS == nil)
	config := r.TLS.config(r.Host)
	if !r.HTTP2 {
		config.NextProtos = []string{"http/1.1"} // as browsers do; Go's client leaves it out
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		TLSClientConfig:    config,
		Protocols:          protocols,
		DisableCompression: true,
	}
}

func (r Request) build(ctx context.Context) (*http.Request, error) {
	url := r.scheme() + "://" + r.Host + orElse(r.Path, "/")
	request, err := http.NewRequestWithContext(ctx, orElse(r.Method, http.MethodGet), url, strings.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if r.Headers != nil {
		request.Header = r.Headers.Clone()
	}
	return request, nil
}

// String is like GET http://a.example/path.
func (r Request) String() string {
	return orElse(r.Method, http.MethodGet) + " " + r.scheme() + "://" + r.Host + orElse(r.Path, "/")
}

func (r Request) scheme() string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// config is the zero configuration, which is not used, without TLS.
func (t *TLS) config(host string) *tls.Config {
	if t == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	return &tls.Config{
		ServerName:         orElse(t.ServerName, name),
		RootCAs:            t.Roots,
		InsecureSkipVerify: t.Roots == nil,
		Certificates:       t.Certificates,
		MinVersion:         t.MinVersion,
		MaxVersion:         t.MaxVersion,
	}
}

func parseEcho(body []byte) *backend.Echo {
	var e backend.Echo
	if json.Unmarshal(body, &e) != nil || e.Service == "" {
		return nil
	}
	return &e
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
