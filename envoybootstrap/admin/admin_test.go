package admin_test

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contour.example/envoybootstrap/admin"
)

// serve answers by method and path on a unix socket, and returns its path and where it records the requests.
func serve(t *testing.T, answers map[string]string) (socket string, requests *[]string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "admin.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	requests = &[]string{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests = append(*requests, r.Method+" "+r.URL.RequestURI())
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			http.Error(w, "no such page", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, answer)
	}))
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return socket, requests
}

func TestCommands(t *testing.T) {
	t.Parallel()
	socket, requests := serve(t, map[string]string{"POST /healthcheck/fail": "OK", "POST /drain_listeners": "OK"})
	c := admin.New(socket, admin.Options{})
	if err := errors.Join(c.FailHealthChecks(t.Context()), c.DrainListeners(t.Context())); err != nil {
		t.Error(err)
	}
	if c.Ready(t.Context()) {
		t.Error("ready, though /ready answers 503")
	}
	if want := []string{"POST /healthcheck/fail", "POST /drain_listeners", "GET /ready"}; !slices.Equal(*requests, want) {
		t.Errorf("requests %q", *requests)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	socket, requests := serve(t, map[string]string{"GET /stats": `{"stats": [
  {"name": "a.active", "value": 7},
  {"name": "b.text", "value": "seven"},
  {"histograms": {"supported_quantiles": [0, 25]}}]}`})
	stats, err := admin.New(socket, admin.Options{}).Stats(t.Context(), `\.active$`)
	if err != nil || !maps.Equal(stats, map[string]int64{"a.active": 7}) {
		t.Errorf("got %v, %v", stats, err)
	}
	if want := []string{`GET /stats?format=json&filter=%5C.active%24`}; !slices.Equal(*requests, want) {
		t.Errorf("requests %q", *requests)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	socket, _ := serve(t, map[string]string{"GET /stats": "OK", "GET /long": "12345"})
	c := admin.New(socket, admin.Options{MaxBytes: 4})
	if _, err := c.Stats(t.Context(), ""); err == nil {
		t.Error("statistics that are not JSON are no error")
	}
	if _, err := c.Get(t.Context(), "/none"); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: ") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Get(t.Context(), "/long"); !errors.Is(err, admin.ErrTooLong) {
		t.Errorf("got %v", err)
	}
	if _, err := admin.New(filepath.Join(t.TempDir(), "none"), admin.Options{}).Get(t.Context(), "/"); err == nil {
		t.Error("no Envoy, no error")
	}
}

func TestTransportIgnoresTheHost(t *testing.T) {
	t.Parallel()
	socket, _ := serve(t, map[string]string{"GET /ready": "LIVE"})
	client := http.Client{Transport: admin.Transport(socket)}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://anything.example/ready", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	_ = response.Body.Close()
}
