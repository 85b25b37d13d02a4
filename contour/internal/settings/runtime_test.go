package settings

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

func TestRuntime(t *testing.T) {
	t.Parallel()
	d, err := File("f", []byte(`
runtime-settings: {upstream.use_retry: "50", envoy.reloadable_features.a: "true"}
listener: {max-requests-per-io-cycle: 10, max-connections-per-listener: 1000}
`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Runtime{MaxRequestsPerIOCycle: 10, Values: []ir.RuntimeValue{
		{Key: "envoy.reloadable_features.a", Value: "true"}, {Key: "upstream.use_retry", Value: "50"},
	}}
	if d := cmp.Diff(want, c.Runtime); d != "" || c.Listeners.Connections.MaxConnections != 1000 {
		t.Errorf("%d connections; runtime (-want +got):\n%s", c.Listeners.Connections.MaxConnections, d)
	}
	for values, want := range map[string]string{
		`re2.max_program_size.error_level: "1"`:                             "budgets.expression-size",
		`http.max_requests_per_io_cycle: "1"`:                               "listener.max-requests-per-io-cycle",
		`envoy.resource_limits.listener.stats-health.connection_limit: "0"`: "listener.max-connections-per-listener",
		`a: ""`:                          "has no value",
		"a: " + strings.Repeat("b", 257): "longer than 256 bytes",
	} {
		d, err := File("f", []byte("runtime-settings: {"+values+"}"))
		if err == nil {
			_, err = build(d)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", values, err, want)
		}
	}
	for _, key := range []string{"max-requests-per-io-cycle", "max-connections-per-listener"} {
		d, err := File("f", []byte("listener: {"+key+": 0}"))
		if err == nil {
			_, err = build(d)
		}
		if err == nil || !strings.Contains(err.Error(), "0 is less than 1.") {
			t.Errorf("%s: 0: %v", key, err)
		}
	}
}
