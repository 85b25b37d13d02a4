package drain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The bounds of a request to the admin endpoint.
const (
	adminTimeout   = 10 * time.Second
	maxAnswerBytes = 16 << 20
)

// statsListener is the name of the listener that serves readiness and statistics: whoever asks there is no client.
const statsListener = "stats-health"

// Admin is an Envoy by its admin endpoint.
type Admin struct{ client *http.Client }

// NewAdmin is the Envoy whose admin endpoint is that unix socket. Nothing is asked of it yet.
func NewAdmin(socket string) *Admin {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Admin{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: adminTimeout}}
}

// Fail implements Envoy.
func (a *Admin) Fail(ctx context.Context) error {
	_, err := a.ask(ctx, http.MethodPost, "/healthcheck/fail")
	return err
}

// Close implements Envoy.
func (a *Admin) Close(ctx context.Context) error {
	_, err := a.ask(ctx, http.MethodPost, "/drain_listeners")
	return err
}

// Open implements Envoy. It counts by listener, so connections that are no HTTP count, and those of a listener that is
// draining since it was changed or removed. Only connections to the admin endpoint and to the stats listener do not.
func (a *Admin) Open(ctx context.Context) (int, error) {
	stats, err := a.statsScope(ctx)
	if err != nil {
		return 0, err
	}
	body, err := a.ask(ctx, http.MethodGet, "/stats?format=json&filter="+url.QueryEscape(`^listener\..*\.downstream_cx_active$`))
	if err != nil {
		return 0, err
	}
	return count(body, stats)
}

// statsScope is what the figures of the stats listener are filed under; empty if there is none.
func (a *Admin) statsScope(ctx context.Context) (string, error) {
	body, err := a.ask(ctx, http.MethodGet, "/listeners?format=json")
	if err != nil {
		return "", err
	}
	return scopeOf(body, statsListener)
}

// scopeOf reads the JSON of /listeners.
func scopeOf(body []byte, name string) (string, error) {
	var answer struct {
		Listeners []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Host string `json:"address"`
					Port int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("envoy's listeners: %w", err)
	}
	for _, l := range answer.Listeners {
		if l.Name == name {
			address := net.JoinHostPort(l.Address.Socket.Host, strconv.Itoa(l.Address.Socket.Port))
			return strings.ReplaceAll(address, ":", "_"), nil
		}
	}
	return "", nil
}

// count adds up the JSON of /stats: one figure for each listener, whose threads have each a figure of their own too.
func count(body []byte, without string) (int, error) {
	var answer struct {
		Stats []struct {
			Name  string `json:"name"`
			Value int    `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("envoy's statistics: %w", err)
	}
	thread := regexp.MustCompile(`\.(worker_\d+|main_thread)$`)
	sum := 0
	for _, s := range answer.Stats {
		scope := strings.TrimSuffix(strings.TrimPrefix(s.Name, "listener."), ".downstream_cx_active")
		if scope != without && scope != "admin" && !thread.MatchString(scope) {
			sum += s.Value
		}
	}
	return sum, nil
}

// ask is one request; an answer other than 200 is an error.
func (a *Admin) ask(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("envoy's admin endpoint: %w", err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("envoy's admin endpoint: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return nil, fmt.Errorf("envoy's admin endpoint: %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("envoy's admin endpoint: %s: %s", path, response.Status)
	}
	return body, nil
}
