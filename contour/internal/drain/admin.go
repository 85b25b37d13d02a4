package drain

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"contour.example/envoybootstrap/admin"
)

// adminBounds bound a request to the admin endpoint.
func adminBounds() admin.Options { return admin.Options{Timeout: 10 * time.Second, MaxBytes: 16 << 20} }

// ownListeners returns the names of the listeners for readiness, statistics and administration: their connections are no clients'.
func ownListeners() []string {
	return []string{"stats-health", "health", "health-om-enforced", "envoy-admin"}
}

// Admin is an Envoy by its admin endpoint.
type Admin struct{ client *admin.Client }

// NewAdmin is the Envoy whose admin endpoint is that unix socket. It does not connect.
func NewAdmin(socket string) *Admin { return &Admin{admin.New(socket, adminBounds())} }

// Fail implements Envoy.
func (a *Admin) Fail(ctx context.Context) error { return a.client.FailHealthChecks(ctx) }

// Close implements Envoy.
func (a *Admin) Close(ctx context.Context) error { return a.client.DrainListeners(ctx) }

// Open implements Envoy. It counts by listener, so connections that are no HTTP count, and those of a listener that is
// draining since it was changed or removed. Only connections to the admin endpoint and to listeners for its pages do not.
func (a *Admin) Open(ctx context.Context) (int, error) {
	without, err := a.ownScopes(ctx)
	if err != nil {
		return 0, err
	}
	stats, err := a.client.Stats(ctx, `^listener\..*\.downstream_cx_active$`)
	if err != nil {
		return 0, err
	}
	return count(stats, without), nil
}

// ownScopes are the scopes of the statistics of listeners for Envoy's own pages.
func (a *Admin) ownScopes(ctx context.Context) ([]string, error) {
	body, err := a.client.Get(ctx, "/listeners?format=json")
	if err != nil {
		return nil, err
	}
	return scopesOf(body, ownListeners())
}

// scopesOf reads the JSON of /listeners.
func scopesOf(body []byte, names []string) (scopes []string, err error) {
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
		return nil, fmt.Errorf("envoy's listeners: %w", err)
	}
	for _, l := range answer.Listeners {
		if slices.Contains(names, l.Name) {
			address := net.JoinHostPort(l.Address.Socket.Host, strconv.Itoa(l.Address.Socket.Port))
			scopes = append(scopes, strings.ReplaceAll(address, ":", "_"))
		}
	}
	return scopes, nil
}

// count adds up one figure for each listener; its threads have each a figure of their own too.
func count(stats map[string]int64, without []string) int {
	thread := regexp.MustCompile(`\.(worker_\d+|main_thread)$`)
	sum := 0
	for name, n := range stats {
		scope := strings.TrimSuffix(strings.TrimPrefix(name, "listener."), ".downstream_cx_active")
		if !slices.Contains(without, scope) && scope != "admin" && !thread.MatchString(scope) {
			sum += int(n)
		}
	}
	return sum
}
