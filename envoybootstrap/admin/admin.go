// Package admin is a client of Envoy's admin endpoint on a unix socket, where envoybootstrap puts it.
//
// In go paths and commands, out come answers, statistics and readiness. An answer other than 200 is an error. Every
// request has a connection of its own. Standard library only; it must not decide which requests to send.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Options bound what a request may take.
type Options struct {
	Timeout  time.Duration // of a request; 0 leaves it to the context
	MaxBytes int64         // of an answer, more is an error; 0 is no bound
}

// Client is a client of one Envoy, safe for concurrent use.
type Client struct {
	http     *http.Client
	maxBytes int64
}

// ErrTooLong is returned for an answer of more than Options.MaxBytes.
var ErrTooLong = errors.New("answer too long")

// New returns a client of the Envoy whose admin endpoint is that socket. It does not connect.
func New(socket string, o Options) *Client {
	return &Client{http: &http.Client{Transport: Transport(socket), Timeout: o.Timeout}, maxBytes: o.MaxBytes}
}

// Transport sends every request to that socket, whatever the host of its URL is.
func Transport(socket string) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
}

// Get returns what a path answers, for example /config_dump?include_eds.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path)
}

// Post sends a command, for example /runtime_modify?key=value, and returns the answer.
func (c *Client) Post(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, http.MethodPost, path)
}

// Ready reports whether Envoy has its first complete configuration and takes connections.
func (c *Client) Ready(ctx context.Context) bool {
	_, err := c.Get(ctx, "/ready")
	return err == nil
}

// FailHealthChecks makes the readiness fail. From then on Envoy closes connections of HTTP clients with its answers.
func (c *Client) FailHealthChecks(ctx context.Context) error {
	_, err := c.Post(ctx, "/healthcheck/fail")
	return err
}

// DrainListeners closes the listeners. Connections that are open stay so.
func (c *Client) DrainListeners(ctx context.Context) error {
	_, err := c.Post(ctx, "/drain_listeners")
	return err
}

// Stats returns the counters and gauges whose names match the regular expression; "" matches all.
func (c *Client) Stats(ctx context.Context, filter string) (map[string]int64, error) {
	body, err := c.Get(ctx, "/stats?format=json&filter="+url.QueryEscape(filter))
	if err != nil {
		return nil, err
	}
	return parseStats(body)
}

// parseStats reads the JSON of /stats and leaves histograms and texts out.
func parseStats(body []byte) (map[string]int64, error) {
	var answer struct {
		Stats []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("envoy's statistics: %w", err)
	}
	stats := make(map[string]int64, len(answer.Stats))
	for _, s := range answer.Stats {
		var n int64
		if json.Unmarshal(s.Value, &n) == nil {
			stats[s.Name] = n
		}
	}
	return stats, nil
}

func (c *Client) do(ctx context.Context, method, path string) ([]byte, error) {
	body, err := c.answer(ctx, method, path)
	if err != nil {
		return nil, fmt.Errorf("envoy's admin endpoint: %s %s: %w", method, path, err)
	}
	return body, nil
}

// maxQuoted bounds how much of an answer is in an error.
const maxQuoted = 200

func (c *Client) answer(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://envoy"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxQuoted)) // for the error only
		return nil, fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(text))
	}
	return c.read(response.Body)
}

func (c *Client) read(r io.Reader) ([]byte, error) {
	if c.maxBytes == 0 {
		return io.ReadAll(r)
	}
	body, err := io.ReadAll(io.LimitReader(r, c.maxBytes+1))
	if err == nil && int64(len(body)) > c.maxBytes {
		return nil, ErrTooLong
	}
	return body, err
}
