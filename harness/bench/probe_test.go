package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The first right answer ends the wait, not one from another backend, nor one of another host, and all over one connection.
func TestProbe(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	var mu sync.Mutex
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		connections[r.RemoteAddr] = true
		mu.Unlock()
		if r.Host != "a.example" {
			http.Error(w, "unknown host", http.StatusNotFound)
			return
		}
		switch requests.Add(1) {
		case 1:
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		case 2:
			fmt.Fprint(w, `{"service":"old"}`)
		default:
			fmt.Fprint(w, `{"service":"new"}`)
		}
	}))
	t.Cleanup(server.Close)
	p := newProber(strings.TrimPrefix(server.URL, "http://"))
	t.Cleanup(p.close)
	if _, err := p.until(t.Context(), long, want{"a.example", "/b", "new"}); err != nil {
		t.Fatal(err)
	}
	if got := requests.Load(); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
	if _, err := p.until(t.Context(), long, want{"b.example", "/b", ""}); err != nil {
		t.Errorf("host that nobody serves: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(connections) != 1 {
		t.Errorf("%d connections, want 1", len(connections))
	}
}

func TestProbeTellsWhatItSaw(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"service":"old"}`) }))
	t.Cleanup(server.Close)
	p := newProber(strings.TrimPrefix(server.URL, "http://"))
	t.Cleanup(p.close)
	for _, w := range []want{{"a.example", "/b", "new"}, {"a.example", "/b", ""}} {
		_, err := p.until(t.Context(), short, w)
		if err == nil || !strings.Contains(err.Error(), `status 200 from backend "old"`) {
			t.Errorf("error %v does not say what came back", err)
		}
	}
}
