package app

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"contour.example/contour/internal/config"
)

func TestLocalOnlyRefusesOtherSites(t *testing.T) {
	t.Parallel()
	h := localOnly(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, c := range []struct {
		method, host, site string
		want               int
	}{
		{http.MethodGet, "127.0.0.1:9001", "", http.StatusOK},
		{http.MethodGet, "localhost:9001", "", http.StatusOK},
		{http.MethodGet, "localhost:9001", "none", http.StatusOK},
		{http.MethodGet, "localhost:9001", "same-origin", http.StatusOK},
		{http.MethodGet, "[::1]:9001", "", http.StatusOK},
		{http.MethodGet, "[::1]", "", http.StatusOK},
		{http.MethodPost, "localhost:9001", "", http.StatusOK},
		{http.MethodGet, "10.0.0.7:6060", "", http.StatusOK}, // the address of the connection
		{http.MethodGet, "rebound.example:9001", "", http.StatusForbidden},
		{http.MethodGet, "", "", http.StatusForbidden},
		{http.MethodGet, "10.0.0.1", "", http.StatusForbidden},
		{http.MethodGet, "localhost:9001", "cross-site", http.StatusForbidden},
		{http.MethodGet, "localhost:9001", "same-site", http.StatusForbidden},
		{http.MethodPost, "localhost:9001", "cross-site", http.StatusForbidden},
	} {
		local := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 6060})
		r := httptest.NewRequestWithContext(local, c.method, "/quitquitquit", http.NoBody)
		r.Host = c.host
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("%+v: got %d", c, w.Code)
		}
	}
}

// The debug pages of serve are for this machine; metrics and health are for everybody, even on the same socket.
func TestDebugPagesOfServeAreLocal(t *testing.T) {
	t.Parallel()
	at := config.Address{Host: "127.0.0.1", Port: 6060}
	c := &controller{core: newCore(config.Default(), logger(t.Output(), &logFlags{})), process: config.Process{Debug: at, Health: at, Metrics: at}}
	mux := c.handlers()[socketOf(at)]
	for _, row := range []struct {
		host, path string
		want       int
	}{
		{"localhost:6060", "/debug/", http.StatusOK},
		{"localhost:6060", "/debug/pprof/", http.StatusOK},
		{"rebound.example:6060", "/debug/", http.StatusForbidden},
		{"rebound.example:6060", "/debug/xds", http.StatusForbidden},
		{"rebound.example:6060", "/debug/pprof/heap", http.StatusForbidden},
		{"contour.projectcontour:6060", "/healthz", http.StatusOK},
		{"contour.projectcontour:6060", "/metrics", http.StatusOK},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, row.path, http.NoBody)
		r.Host = row.host
		w := httptest.NewRecorder()
		if mux.ServeHTTP(w, r); w.Code != row.want {
			t.Errorf("%+v: got %d", row, w.Code)
		}
	}
}
