package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"contour.example/harness/backend"
)

// interval is the pause between two requests of a probe, in addition to the duration of the first.
const interval = 300 * time.Microsecond

// keep is how long a connection is kept without requests: Envoy closes it after a minute, and a request may be under way then.
const keep = 30 * time.Second

// prober sends requests to Envoy over persistent connections.
type prober struct {
	http, https     string
	roots           *x509.CertPool
	cleartext, over *http.Transport // over TLS
}

// want is a request and the right answer to it.
type want struct {
	host, path string
	// backend is the name of the one that answers with status 200; empty means that no
	// route matches the request: status 404.
	backend string
	// secure sends the request over TLS, and requires a certificate of the roots for the host.
	secure bool
}

// newProber returns a prober of the two listeners, host:port.
func newProber(cleartext, secure string, roots *x509.CertPool) *prober {
	p := &prober{http: cleartext, https: secure, roots: roots}
	p.cleartext = &http.Transport{
		// The URL is always that of Envoy, so hosts share connections.
		DialContext:         new(net.Dialer).DialContext,
		MaxIdleConnsPerHost: maxWaiting,
		IdleConnTimeout:     keep,
		DisableCompression:  true,
	}
	p.over = &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, secure)
		},
		TLSClientConfig:    p.config(""),
		DisableCompression: true,
	}
	return p
}

func (p *prober) config(serverName string) *tls.Config {
	return &tls.Config{
		RootCAs: p.roots, ServerName: serverName, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}
}

func (p *prober) close() {
	p.cleartext.CloseIdleConnections()
	p.over.CloseIdleConnections()
}

// until sends the request repeatedly and returns when the first expected answer was complete.
func (p *prober) until(ctx context.Context, timeout time.Duration, w want) (time.Time, error) {
	return repeat(ctx, timeout, "answer to "+w.host+w.path, func(ctx context.Context) (string, bool) { return p.send(ctx, w) })
}

// presents opens new connections repeatedly and returns when the first handshake was complete
// in which Envoy presented this certificate (DER) for the host.
func (p *prober) presents(ctx context.Context, timeout time.Duration, host string, certificate []byte) (time.Time, error) {
	return repeat(ctx, timeout, "certificate of "+host, func(ctx context.Context) (string, bool) {
		leaf, err := p.handshake(ctx, host)
		if err != nil {
			return err.Error(), false
		}
		return "serial number " + leaf.SerialNumber.String(), bytes.Equal(leaf.Raw, certificate)
	})
}

func (p *prober) handshake(ctx context.Context, host string) (*x509.Certificate, error) {
	conn, err := (&tls.Dialer{Config: p.config(host)}).DialContext(ctx, "tcp", p.https)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// repeat calls try until it succeeds; try returns what it observed, for the error.
func repeat(ctx context.Context, timeout time.Duration, what string, try func(context.Context) (saw string, ok bool)) (time.Time, error) {
	return repeatEvery(ctx, timeout, what, func(time.Duration) time.Duration { return interval }, try)
}

// repeatEvery is repeat with a pause that depends on the time since the start.
func repeatEvery(ctx context.Context, timeout time.Duration, what string,
	pause func(time.Duration) time.Duration, try func(context.Context) (saw string, ok bool),
) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	last := "nothing"
	for {
		saw, ok := try(ctx)
		if ok {
			return time.Now(), nil
		}
		if ctx.Err() == nil {
			last = saw
		}
		select {
		case <-time.After(pause(time.Since(start))):
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s: %w after %s; last seen: %s", what, ctx.Err(), timeout, last)
		}
	}
}

// answer is what was received: the status, and the name of the backend, empty if the answer is Envoy's own.
type answer struct {
	status  int
	backend string
}

func (a answer) String() string { return fmt.Sprintf("status %d from backend %q", a.status, a.backend) }

// send sends one request and returns what was received and whether it was expected.
func (p *prober) send(ctx context.Context, w want) (saw string, ok bool) {
	a, err := p.ask(ctx, w)
	if err != nil {
		return err.Error(), false
	}
	return a.String(), w.matches(a)
}

// ask sends one request. It is a POST: Go's client silently repeats a GET whose connection breaks.
func (p *prober) ask(ctx context.Context, w want) (answer, error) {
	url, transport := "http://"+p.http+w.path, p.cleartext
	if w.secure {
		url, transport = "https://"+w.host+w.path, p.over
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return answer{}, fmt.Errorf("request: %w", err)
	}
	request.Host = w.host
	response, err := transport.RoundTrip(request)
	if err != nil {
		return answer{}, fmt.Errorf("request: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("body of the answer: %w", err)
	}
	var echo backend.Echo
	_ = json.Unmarshal(body, &echo) // an answer that is not a backend's has no service
	return answer{response.StatusCode, echo.Service}, nil
}

// matches reports whether the answer is the expected one.
func (w want) matches(a answer) bool {
	if w.backend == "" {
		return a.status == http.StatusNotFound
	}
	return a.status == http.StatusOK && a.backend == w.backend
}
