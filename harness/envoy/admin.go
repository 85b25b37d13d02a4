package envoy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Admin requests a path of the admin endpoint, for example /config_dump?include_eds. A
// status other than 200 is an error that contains the answer.
func (e *Envoy) Admin(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://admin"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("envoy admin: %w", err)
	}
	response, err := e.admin.Do(request)
	if err != nil {
		return nil, fmt.Errorf("envoy admin: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("envoy admin %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("envoy admin %s: %s: %s", path, response.Status, bytes.TrimSpace(body))
	}
	return body, nil
}

// ConfigDump is all resources that Envoy has accepted, as JSON (envoy.admin.v3.ConfigDump),
// with sorted keys: as long as nothing is updated, the bytes are equal.
func (e *Envoy) ConfigDump(ctx context.Context) ([]byte, error) {
	text, err := e.Admin(ctx, "/config_dump?include_eds")
	if err != nil {
		return nil, err
	}
	var dump map[string]any
	if err := json.Unmarshal(text, &dump); err != nil {
		return nil, fmt.Errorf("envoy admin: config dump: %w", err)
	}
	return json.MarshalIndent(dump, "", " ")
}

// Stats is the counters and gauges whose names match the regular expression; all if it is empty.
func (e *Envoy) Stats(ctx context.Context, filter string) (map[string]int64, error) {
	body, err := e.Admin(ctx, "/stats?filter="+url.QueryEscape(filter))
	if err != nil {
		return nil, err
	}
	return parseStats(body), nil
}

// parseStats reads lines of "name: number"; histograms and text values are left out.
func parseStats(text []byte) map[string]int64 {
	stats := map[string]int64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), ": ")
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			stats[name] = n
		}
	}
	return stats
}

// Counts of xDS updates over all types, summed from Envoy's own statistics.
type Updates struct {
	// Accepted and Rejected are the responses that Envoy acknowledged (ACK) and rejected (NACK).
	Accepted, Rejected int64
}

// Updates reads the counts.
func (e *Envoy) Updates(ctx context.Context) (Updates, error) {
	stats, err := e.Stats(ctx, `update_(success|rejected)$`)
	if err != nil {
		return Updates{}, err
	}
	var u Updates
	for name, n := range stats {
		if strings.HasSuffix(name, ".update_rejected") {
			u.Rejected += n
		} else {
			u.Accepted += n
		}
	}
	return u, nil
}

// Drain makes Envoy fail its health checks, as before a shutdown.
func (e *Envoy) Drain(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/healthcheck/fail", nil)
	if err != nil {
		return fmt.Errorf("envoy admin: %w", err)
	}
	response, err := e.admin.Do(request)
	if err != nil {
		return fmt.Errorf("envoy admin: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("envoy admin: drain: %s", response.Status)
	}
	return errors.Join(err, response.Body.Close())
}
