package envoy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Admin requests a path of the admin endpoint, for example /config_dump?include_eds. A
// status other than 200 is an error that contains the answer.
func (e *Envoy) Admin(ctx context.Context, path string) ([]byte, error) {
	return e.admin.Get(ctx, path)
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
	return e.admin.Stats(ctx, filter)
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
