//go:build envoy

package semantic

import (
	"bufio"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/randomtest"
)

const echoPath = `{"static_resources": {"listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": %d}},
"filter_chains": [{"filters": [{"name": "hcm", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
"stat_prefix": "a", "normalize_path": true, "merge_slashes": true, %s,
"route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200},
"response_headers_to_add": [{"header": {"key": "x-path", "value": "%%REQ(:PATH)%%"}}]}]}]},
"http_filters": [{"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}`

// The model normalizes paths as Envoy does.
func TestPathsAsEnvoy(t *testing.T) {
	t.Parallel()
	for _, action := range []hcmv3.HttpConnectionManager_PathWithEscapedSlashesAction{
		hcmv3.HttpConnectionManager_KEEP_UNCHANGED, hcmv3.HttpConnectionManager_REJECT_REQUEST, hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT,
	} {
		t.Run(action.String(), func(t *testing.T) {
			t.Parallel()
			address := startEcho(t, fmt.Sprintf(`"path_with_escaped_slashes_action": %q`, action.String()))
			r := rand.New(rand.NewPCG(randomtest.Seed(t), uint64(action)))
			pieces := []string{"/", "/", "a", "b", ".", "..", "%2F", "%2f", "%5c", "%5C", "%2e", "%2E", "%41", "%7e", "%20", "%25", "%zz", "%", "%4", `\`, "~", "%00", "+", ":", "=", "%C3%BC", "%c3", "?", "a=%2F", ";", "@", "&", "'", "(", "*", "!", "|", "<", ">", "^", "`", "{", "}", `"`, "[", "]", "$", ","}
			for range 3000 {
				path := "/"
				for range r.IntN(8) {
					path += pieces[r.IntN(len(pieces))]
				}
				comparePath(t, address, path, action)
			}
		})
	}
}

// The model rejects the headers that Envoy rejects. Of those of about the permitted size it says that it cannot tell.
func TestHeaderLimitsAsEnvoy(t *testing.T) {
	t.Parallel()
	for action, allowed := range map[corev3.HttpProtocolOptions_HeadersWithUnderscoresAction]string{
		corev3.HttpProtocolOptions_ALLOW: "200", corev3.HttpProtocolOptions_REJECT_REQUEST: "400", corev3.HttpProtocolOptions_DROP_HEADER: "200",
	} {
		address := startEcho(t, fmt.Sprintf(`"max_request_headers_kb": 8, "common_http_protocol_options": {"max_headers_count": 30, "headers_with_underscores_action": %q}`, action.String()))
		manager := &hcmv3.HttpConnectionManager{
			MaxRequestHeadersKb:       wrapperspb.UInt32(8),
			CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{MaxHeadersCount: wrapperspb.UInt32(30), HeadersWithUnderscoresAction: action},
		}
		known := map[string]int{}
		for _, c := range []struct{ size, count int }{{10, 1}, {6000, 1}, {8100, 1}, {8300, 1}, {12_000, 1}, {10, 20}, {10, 30}, {10, 60}} {
			for _, name := range []string{"x-a", "x_a"} {
				request := Request{Host: "a", Path: "/", Headers: map[string]string{}}
				var text strings.Builder
				for i := range c.count {
					request.Headers[fmt.Sprint(name, i)] = strings.Repeat("v", c.size)
					fmt.Fprintf(&text, "%s%d: %s\r\n", name, i, strings.Repeat("v", c.size))
				}
				x, err := (&Envoy{}).receive(request)
				if err != nil {
					t.Fatal(err)
				}
				status, err := x.limitHeaders(manager)
				if err != nil {
					continue
				}
				got := fmt.Sprint(cmp.Or(status, 200))
				known[got]++
				if want, _, _ := strings.Cut(sendHeaders(t, address, "/", text.String()), " "); got != want {
					t.Errorf("%s: %d headers %s of %d bytes: Envoy %s, the model %s", action, c.count, name, c.size, want, got)
				}
			}
		}
		if known["200"] == 0 || known["431"] == 0 || known[allowed] == 0 {
			t.Errorf("%s: %v", action, known)
		}
	}
}

// startEcho starts an Envoy that answers with the path that its routes see; settings are some of its connection manager, as JSON.
func startEcho(t *testing.T, settings string) (address string) {
	t.Helper()
	return startEnvoy(t, func(port uint32) string { return fmt.Sprintf(echoPath, port, settings) })
}

// startEnvoy starts an Envoy whose configuration, in JSON, has a listener at the port of 127.0.0.1, and returns the address of that.
func startEnvoy(t *testing.T, config func(port uint32) string) (address string) {
	t.Helper()
	port := envoytest.FreePort(t)
	file := filepath.Join(t.TempDir(), "envoy.json")
	if err := os.WriteFile(file, []byte(config(port)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), envoytest.Path(t), "-c", file, "--log-level", "error", "--use-dynamic-base-id", "--concurrency", "1")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address = fmt.Sprintf("127.0.0.1:%d", port)
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("Envoy does not listen")
	return ""
}

func comparePath(t *testing.T, address, path string, action hcmv3.HttpConnectionManager_PathWithEscapedSlashesAction) {
	t.Helper()
	x, err := (&Envoy{}).receive(Request{Host: "a", Path: path})
	if err != nil {
		return // the model does not support it
	}
	status, location := x.normalizePath(&hcmv3.HttpConnectionManager{MergeSlashes: true, PathWithEscapedSlashesAction: action})
	got := fmt.Sprint(status, " ", location)
	if status == 0 {
		got = fmt.Sprint(200, " ", x.headers[":path"])
	}
	if want := sendPath(t, address, path); got != want {
		t.Errorf("%s: Envoy %s, the model %s", path, want, got)
	}
}

// sendPath returns what Envoy answers: the status and the path, or the location.
func sendPath(t *testing.T, address, path string) string { return sendHeaders(t, address, path, "") }

// sendHeaders is sendPath with headers, each of which ends with a new line.
func sendHeaders(t *testing.T, address, path, headers string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, headers); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	return strings.Join([]string{fmt.Sprint(response.StatusCode), response.Header.Get("X-Path") + response.Header.Get("Location")}, " ")
}
