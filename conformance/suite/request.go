package suite

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"

	"contour.example/harness/pki"
	"contour.example/harness/poll"
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
	Body    string
	HTTP2   bool
	// ServerName is the SNI, if it is not the URL's host.
	ServerName string
	// Client is the certificate that the client shows to every server; nil for none.
	Client *pki.Pair
	// MaxTLS is the newest version of TLS that the client speaks, as in crypto/tls; 0 for all.
	MaxTLS uint16
}

// Unique in the value of a header is replaced by a different text in each request that is sent.
const Unique = "${UNIQUE}"

// Get waits until the answers to a GET pass all checks.
func (t *T) Get(url string, checks ...Check) { t.Send(Request{URL: url}, checks...) }

// Send waits until the answers to the request pass all checks, several in a row. An answer with an error, which the proxy
// may also give before it has the configuration, must then stay for a while.
func (t *T) Send(r Request, checks ...Check) {
	if a := t.Once(r, checks...); a.Status >= http.StatusBadRequest {
		t.Still(r, checks...)
	}
}

// Once waits until the answers to the request pass all checks, several in a row, and returns the last. They may change
// afterwards, as with limits of requests, which many proxies count anew after a change of another object.
func (t *T) Once(r Request, checks ...Check) (last traffic.Answer) {
	request := t.prepared(r)
	t.Eventually("answer to "+request.String(), func(ctx context.Context) (wrong string) {
		last, wrong = t.several(ctx, request, checks)
		return wrong
	})
	return last
}

// Still requires that the answers to the request pass all checks for a while.
func (t *T) Still(r Request, checks ...Check) {
	request := t.prepared(r)
	t.stays("answer to "+request.String(), func(ctx context.Context) string {
		_, wrong := t.several(ctx, request, checks)
		return wrong
	})
}

// several sends the request several times, until something is wrong, and returns the last answer and what is wrong with it.
func (t *T) several(ctx context.Context, request traffic.Request, checks []Check) (a traffic.Answer, wrong string) {
	for range inARow {
		var err error
		if a, err = t.runner.Traffic.Do(ctx, unique(request)); err != nil {
			return a, err.Error()
		}
		for _, check := range checks {
			if wrong := check(a); wrong != "" {
				return a, wrong
			}
		}
	}
	return a, ""
}

// observation is how long something must stay as it is to count as lasting.
const observation = time.Second

// stays requires that nothing is wrong for a while. check returns what is wrong, or "".
func (t *T) stays(what string, check func(context.Context) (wrong string)) {
	for end := time.Now().Add(observation); t.err == nil && time.Now().Before(end); {
		if wrong := check(t.ctx); wrong != "" {
			t.Failf("%s was as expected, and then: %s", what, wrong)
		}
		select {
		case <-t.ctx.Done():
			t.wrap(what, context.Cause(t.ctx))
		case <-time.After(poll.Interval):
		}
	}
}

// Ways to reject a TLS connection, beside the alerts of TLS, whose names are those of crypto/tls.
const (
	// Closed is the end of the connection in the handshake, without an alert.
	Closed = "closed"
	// NotListening is that nothing accepts connections.
	NotListening = "not listening"
)

// TLSRejected waits until a TLS connection for the request is rejected in one of the ways, and requires that it stays so for
// a while. A connection that the client gives up, because of its time or the proxy's certificate, is not rejected.
func (t *T) TLSRejected(r Request, ways ...string) {
	request := t.prepared(r)
	what, check := "rejection of "+request.String(), func(ctx context.Context) string {
		for range inARow {
			a, err := t.runner.Traffic.Do(ctx, request)
			if err == nil {
				return a.String() + ", want no connection"
			}
			if way := rejection(err); !slices.Contains(ways, way) {
				return fmt.Sprintf("%v (%s), want one of %q", err, way, ways)
			}
		}
		return ""
	}
	t.Eventually(what, check)
	t.stays(what, check)
}

// rejection returns how the proxy rejected a TLS connection, or "" if it did not.
func rejection(err error) string {
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "remote error":
		return strings.TrimPrefix(op.Err.Error(), "tls: ")
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Closed
	case errors.Is(err, syscall.ECONNREFUSED):
		return NotListening
	}
	return ""
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

// Pauses between requests, and how many.
const (
	idle   = 500 * time.Millisecond
	pauses = 5
	warm   = 50 // requests before
)

// Reused requires that the proxy sends requests to the URL, half a second apart, over connections to the backend that it used
// before; or, if reused is false, that it sends each over a new one.
func (t *T) Reused(url string, reused bool) {
	what := "connections to the backend of " + t.Expand(url)
	t.Eventually(what, func(ctx context.Context) string {
		if _, err := t.Answers(ctx, Request{URL: url}, warm); err != nil { // a connection of each worker of the proxy
			return err.Error()
		}
		for range pauses {
			time.Sleep(idle)
			answers, err := t.Answers(ctx, Request{URL: url}, 1)
			switch {
			case err != nil:
				return err.Error()
			case answers[0].Echo == nil:
				return answers[0].String() + ", want it from a backend"
			case answers[0].Echo.OfConnection > 1 != reused:
				return fmt.Sprintf("after a pause, the request is number %d of its connection", answers[0].Echo.OfConnection)
			}
		}
		return ""
	})
}

// WebSocket waits until a WebSocket to the URL (of scheme http or https) echoes a message.
func (t *T) WebSocket(url string) {
	t.echo(url, func(ctx context.Context, request traffic.Request) (string, error) {
		return t.runner.Traffic.WebSocket(ctx, request, line)
	})
}

// NoWebSocket waits until a request for a WebSocket is not answered by an upgrade.
func (t *T) NoWebSocket(url string) {
	upgrade := Request{URL: url, Headers: map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhpcyBpcyBhIHRlc3QuLg==",
	}}
	refused := func(a traffic.Answer) string {
		if a.Status == http.StatusSwitchingProtocols {
			return "it became a WebSocket"
		}
		return ""
	}
	t.Once(upgrade, refused)
	t.Still(upgrade, refused)
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

// NoBytes waits until TLS connections to the URL's host are closed without an answer, in the handshake or after it, and requires
// that it stays so. A host that is not served may look the same: a test must know otherwise that it is.
func (t *T) NoBytes(url string) {
	request := t.prepared(Request{URL: url})
	what, check := "end of connections to "+request.String(), func(ctx context.Context) string {
		for range inARow {
			service, _, err := t.runner.Traffic.TCP(ctx, request, line)
			switch {
			case err == nil:
				return "backend " + service + " answered"
			case !errors.Is(err, traffic.ErrBroken) && rejection(err) != Closed:
				return err.Error()
			}
		}
		return ""
	}
	t.Eventually(what, check)
	t.stays(what, check)
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

// prepared is the request in the form of the client; the test fails if it has none.
func (t *T) prepared(r Request) traffic.Request {
	request, err := t.request(r)
	if err != nil {
		t.Failf("%w", err)
	}
	return request
}

// request is the request in the form of the client.
func (t *T) request(r Request) (traffic.Request, error) {
	u, err := url.Parse(t.Expand(r.URL))
	if err != nil {
		return traffic.Request{}, fmt.Errorf("request: %w", err)
	}
	request := traffic.Request{Method: r.Method, Host: u.Host, Path: u.RequestURI(), Body: r.Body, HTTP2: r.HTTP2, Headers: http.Header{}}
	for name, value := range r.Headers {
		request.Headers.Set(name, value)
	}
	var own []tls.Certificate
	if r.Client != nil {
		certificate, err := r.Client.TLS()
		if err != nil {
			return traffic.Request{}, fmt.Errorf("request: %w", err)
		}
		own = append(own, certificate)
	}
	switch u.Scheme {
	case "http":
	case "https":
		request.TLS = &traffic.TLS{ServerName: t.Expand(r.ServerName), Roots: t.runner.CA.Pool(), Certificates: own, MaxVersion: r.MaxTLS}
	default:
		return traffic.Request{}, fmt.Errorf("request %s: want http or https", r.URL)
	}
	return request, nil
}
