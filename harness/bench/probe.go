package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"contour.example/harness/backend"
)

// interval is the pause between two requests of a probe, on top of what the first took.
const interval = 300 * time.Microsecond

// prober asks Envoy over connections that stay open.
type prober struct {
	address   string
	transport *http.Transport
}

// want is a request and the right answer to it.
type want struct {
	host, path string
	// backend is the name of the one that answers with status 200; empty means that nobody
	// routes the request: status 404.
	backend string
}

func newProber(address string) *prober {
	return &prober{address, &http.Transport{
		// The URL is always that of Envoy, so hosts share connections.
		DialContext:         new(net.Dialer).DialContext,
		MaxIdleConnsPerHost: 16,
		DisableCompression:  true,
	}}
}

func (p *prober) close() { p.transport.CloseIdleConnections() }

// until asks again and again and returns when the first right answer was complete.
func (p *prober) until(ctx context.Context, timeout time.Duration, w want) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := "nothing"
	for {
		saw, ok := p.ask(ctx, w)
		if ok {
			return time.Now(), nil
		}
		if ctx.Err() == nil {
			last = saw
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("answer to %s%s: %w after %s; last seen: %s", w.host, w.path, ctx.Err(), timeout, last)
		}
	}
}

// ask sends one request and says what came back and whether it was right.
func (p *prober) ask(ctx context.Context, w want) (saw string, ok bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+w.path, nil)
	if err != nil {
		return err.Error(), false
	}
	request.Host = w.host
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		return err.Error(), false
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error(), false
	}
	var echo backend.Echo
	_ = json.Unmarshal(body, &echo) // an answer that is not a backend's has no service
	saw = fmt.Sprintf("status %d from backend %q", response.StatusCode, echo.Service)
	if w.backend == "" {
		return saw, response.StatusCode == http.StatusNotFound
	}
	return saw, response.StatusCode == http.StatusOK && echo.Service == w.backend
}
