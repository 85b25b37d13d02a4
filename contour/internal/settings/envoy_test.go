//go:build envoy

package settings

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"contour.example/contour/internal/envoytest"
)

// Envoy knows each command operator that an access log may have, and each field that can be asked for by name.
func TestEnvoyKnowsTheCommandOperators(t *testing.T) {
	format := knownFields()
	for name, argument := range commandOperators() {
		if !argument {
			format["operator "+name] = "%" + name + "%"
		}
	}
	for _, text := range []string{
		"%ENVIRONMENT(HOME)%", "%METADATA(ROUTE:a:b)%", "%DYNAMIC_METADATA(a:b)%", "%FILTER_STATE(a)%", "%REQ(A?B):10%",
		"%REQ_WITHOUT_QUERY(:PATH)%", "%RESP(A)%", "%TRAILER(A)%", "%START_TIME(%s)%", "%GRPC_STATUS(SNAKE_STRING)%", "100%%",
	} {
		format[text] = text
	}
	type object = map[string]any
	bootstrap, err := json.Marshal(object{"static_resources": object{"listeners": []any{object{
		"address": object{"socket_address": object{"address": "127.0.0.1", "port_value": 0}},
		"filter_chains": []any{object{"filters": []any{object{"name": "hcm", "typed_config": object{
			"@type":       "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
			"stat_prefix": "a", "route_config": object{}, "http_filters": []any{object{"name": "router", "typed_config": object{
				"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
			}}},
			"access_log": []any{object{"name": "file", "typed_config": object{
				"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
				"path":  "/dev/null", "log_format": object{"json_format": format, "formatters": []any{object{
					"name": "envoy.formatter.req_without_query", "typed_config": object{
						"@type": "type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery",
					},
				}}},
			}}},
		}}}}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "envoy.json")
	if err := os.WriteFile(path, bootstrap, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), envoytest.Path(t), "--mode", "validate", "--log-level", "error", "-c", path).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
