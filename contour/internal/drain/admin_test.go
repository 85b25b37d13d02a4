package drain_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/drain"
)

// admin serves the answers by method and path on a unix socket, and notes the requests.
func admin(t *testing.T, answers map[string]string) (*drain.Admin, *[]string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	requests := &[]string{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests = append(*requests, r.Method+" "+r.URL.RequestURI())
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			http.Error(w, "unexpected", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, answer)
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return drain.NewAdmin(socket), requests
}

const listeners = `{"listener_statuses": [
  {"name": "ingress_http", "local_address": {"socket_address": {"address": "0.0.0.0", "port_value": 8080}}},
  {"name": "health", "local_address": {"socket_address": {"address": "127.0.0.1", "port_value": 8003}}},
  {"name": "envoy-admin", "local_address": {"socket_address": {"address": "127.0.0.1", "port_value": 9001}}},
  {"name": "stats-health", "local_address": {"socket_address": {"address": %q, "port_value": 8002}}}]}`

func TestOpenCountsClients(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ statsHost, statsScope string }{
		"IPv4": {"0.0.0.0", "0.0.0.0_8002"},
		"IPv6": {"::", "[__]_8002"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, requests := admin(t, map[string]string{
				"GET /listeners": fmt.Sprintf(listeners, test.statsHost),
				"GET /stats": strings.ReplaceAll(`{"stats": [
  {"name": "listener.0.0.0.0_8080.downstream_cx_active", "value": 5},
  {"name": "listener.0.0.0.0_8080.worker_0.downstream_cx_active", "value": 2},
  {"name": "listener.0.0.0.0_8080.worker_1.downstream_cx_active", "value": 3},
  {"name": "listener.[__]_8443.downstream_cx_active", "value": 7},
  {"name": "listener.127.0.0.1_8003.downstream_cx_active", "value": 100},
  {"name": "listener.127.0.0.1_9001.downstream_cx_active", "value": 100},
  {"name": "listener.STATS.downstream_cx_active", "value": 100},
  {"name": "listener.STATS.worker_0.downstream_cx_active", "value": 100},
  {"name": "listener.admin.downstream_cx_active", "value": 1000},
  {"name": "listener.admin.main_thread.downstream_cx_active", "value": 1000}]}`, "STATS", test.statsScope),
			})
			if open, err := a.Open(t.Context()); err != nil || open != 12 {
				t.Errorf("got %d, %v, want 12", open, err)
			}
			want := []string{"GET /listeners?format=json", `GET /stats?format=json&filter=%5Elistener%5C..%2A%5C.downstream_cx_active%24`}
			if d := cmp.Diff(want, *requests); d != "" {
				t.Errorf("requests (-want +got):\n%s", d)
			}
		})
	}
}

func TestOpenWithoutStatsListener(t *testing.T) {
	t.Parallel()
	a, _ := admin(t, map[string]string{"GET /listeners": `{}`, "GET /stats": `{"stats": [{"name": "listener.a_1.downstream_cx_active", "value": 2}]}`})
	if open, err := a.Open(t.Context()); err != nil || open != 2 {
		t.Errorf("got %d, %v, want 2", open, err)
	}
}

func TestAdminErrors(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]map[string]string{
		"refused":            {},
		"no statistics":      {"GET /listeners": `{}`},
		"listeners not JSON": {"GET /listeners": `OK`},
		"stats not JSON":     {"GET /listeners": `{}`, "GET /stats": "OK"},
	} {
		a, _ := admin(t, answers)
		if open, err := a.Open(t.Context()); err == nil {
			t.Errorf("%s: got %d and no error", name, open)
		}
	}
	if err := drain.NewAdmin(filepath.Join(t.TempDir(), "none")).Fail(t.Context()); err == nil {
		t.Error("no Envoy, no error")
	}
}

func TestFailAndClose(t *testing.T) {
	t.Parallel()
	a, requests := admin(t, map[string]string{"POST /healthcheck/fail": "OK", "POST /drain_listeners": "OK"})
	if err := a.Fail(t.Context()); err != nil {
		t.Error(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{"POST /healthcheck/fail", "POST /drain_listeners"}, *requests); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}
