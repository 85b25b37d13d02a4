package suite

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc/codes"

	"contour.example/harness/traffic"
)

// inARow is how many answers in a row must be as expected: one Envoy of several, or one worker of an Envoy, may
// have the new configuration before others.
const inARow = 3

// line is what is sent over WebSocket and TLS connections.
const line = "hello"

// Request specifies a request.
type Request struct {
	Method string // GET
	// URL is http://host/path or https://host/path. The certificate must be one of Test.Certificates.
	URL     string
	Headers map[string]string
	HTTP2   bool
	// ServerName is the SNI, if it is not the URL's host.
	ServerName string
	// MaxTLS is the newest version of TLS that the client speaks, as in crypto/tls; 0 for all.
	MaxTLS uint16
}

// Unique in the value of a header is replaced by a different text in each request that is sent.
const Unique = "${UNIQUE}"

// Get waits until the answers to a GET pass all checks.
func (t *T) Get(url string, checks ...Check) { t.Send(Request{URL: url}, checks...) }

// Send waits until the answers to the request pass all checks, several in a row.
func (t *T) Send(r Request, checks ...Check) {
	request, err := t.request(r)
	if err != nil {
		t.Failf("%w", err)
		return
	}
	t.Eventually("answer to "+request.String(), func(ctx context.Context) string {
		for range inARow {
			if wrong := exchange(ctx, t.runner.Traffic, unique(request), checks); wrong != "" {
				return wrong
			}
		}
		return ""
	})
}

// TLSRejected waits until no TLS connection is made for the request. Before, such requests must have been answered:
// a listener that does not exist accepts no connection either.
func (t *T) TLSRejected(r Request) {
	request, err := t.request(r)
	if err != nil {
		t.Failf("%w", err)
		return
	}
	t.Eventually("rejection of "+request.String(), func(ctx context.Context) string {
		for range inARow {
			if a, err := t.runner.Traffic.Do(ctx, request); err == nil {
				return a.String() + ", want no connection"
			}
		}
		return ""
	})
}

// Answers sends the request n times, one after the other, each over a connection of its own.
func (t *T) Answers(ctx context.Context, r Request, n int) ([]traffic.Answer, error) {
	request, err := t.request(r)
	if err != nil {
		return nil, err
	}
	var answers []traffic.Answer
	for range n {
		a, err := t.runner.Traffic.Do(ctx, request)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// WebSocket waits until a WebSocket to the URL (of scheme http or https) echoes a message.
func (t *T) WebSocket(url string) {
	t.echo(url, func(ctx context.Context, request traffic.Request) (string, error) {
		return t.runner.Traffic.WebSocket(ctx, request, line)
	})
}

// NoWebSocket waits until a request for a WebSocket is not answered by an upgrade.
func (t *T) NoWebSocket(url string) {
	t.Send(Request{URL: url, Headers: map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhpcyBpcyBhIHRlc3QuLg==",
	}}, func(a traffic.Answer) string {
		if a.Status == http.StatusSwitchingProtocols {
			return "it became a WebSocket"
		}
		return ""
	})
}

// Bytes waits until bytes that are sent over TLS to the URL's host are echoed by the backend.
func (t *T) Bytes(url, backend string) {
	t.echo(url, func(ctx context.Context, request traffic.Request) (string, error) {
		service, reply, err := t.runner.Traffic.TCP(ctx, request, line)
		if err == nil && service != backend {
			err = fmt.Errorf("backend %s answered, want %s", service, backend)
		}
		return reply, err
	})
}

// RPC waits until a gRPC health request to the URL's host is answered by the backend: with OK for the backend itself, with
// NotFound for another name. Both statuses are trailers.
func (t *T) RPC(url, backend string) {
	request, err := t.request(Request{URL: url})
	if err != nil {
		t.Failf("%w", err)
		return
	}
	for name, code := range map[string]codes.Code{"": codes.OK, "none": codes.NotFound} {
		t.Eventually("gRPC answer of "+request.String(), func(ctx context.Context) string {
			a, err := t.runner.Traffic.RPC(ctx, request, name)
			if err != nil {
				return err.Error()
			}
			if a.Backend != backend || a.Code != code {
				return fmt.Sprintf("got %s, want %s from %s", a, code, backend)
			}
			return ""
		})
	}
}

func (t *T) echo(url string, send func(context.Context, traffic.Request) (string, error)) {
	request, err := t.request(Request{URL: url})
	if err != nil {
		t.Failf("%w", err)
		return
	}
	t.Eventually("echo of "+request.String(), func(ctx context.Context) string {
		reply, err := send(ctx, request)
		if err != nil {
			return err.Error()
		}
		if reply != line {
			return fmt.Sprintf("received %q, want %q", reply, line)
		}
		return ""
	})
}

// unique is the request with all Unique replaced.
func unique(r traffic.Request) traffic.Request {
	headers := http.Header{}
	for name, values := range r.Headers {
		for _, v := range values {
			headers.Add(name, strings.ReplaceAll(v, Unique, rand.Text()))
		}
	}
	r.Headers = headers
	return r
}

// exchange sends once and returns what is wrong, or "".
func exchange(ctx context.Context, c traffic.Client, request traffic.Request, checks []Check) string {
	a, err := c.Do(ctx, request)
	if err != nil {
		return err.Error()
	}
	for _, check := range checks {
		if wrong := check(a); wrong != "" {
			return wrong
		}
	}
	return ""
}

// request is the request in the form of the client.
func (t *T) request(r Request) (traffic.Request, error) {
	u, err := url.Parse(t.Expand(r.URL))
	if err != nil {
		return traffic.Request{}, fmt.Errorf("request: %w", err)
	}
	request := traffic.Request{Method: r.Method, Host: u.Host, Path: u.RequestURI(), HTTP2: r.HTTP2, Headers: http.Header{}}
	for name, value := range r.Headers {
		request.Headers.Set(name, value)
	}
	switch u.Scheme {
	case "http":
	case "https":
		request.TLS = &traffic.TLS{ServerName: t.Expand(r.ServerName), Roots: t.runner.CA.Pool(), MaxVersion: r.MaxTLS}
	default:
		return traffic.Request{}, fmt.Errorf("request %s: want http or https", r.URL)
	}
	return request, nil
}
