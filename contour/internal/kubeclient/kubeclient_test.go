package kubeclient

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kind"
)

func TestClientsByGroupAndVersion(t *testing.T) {
	t.Parallel()
	requests := map[string]string{} // Accept by path
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests[r.URL.Path] = r.Header.Get("Accept")
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	clients, err := New(&rest.Config{Host: s.URL}, Options{
		Kinds: kind.All(), Protobuf: true, Unlimited: true,
		Types: map[schema.GroupVersion]func(*runtime.Scheme) error{eventsv1.SchemeGroupVersion: eventsv1.AddToScheme},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		_ = c.Get().Resource("things").Do(t.Context()).Error()
		if c.GetRateLimiter() != nil {
			t.Errorf("%s has a rate limit", c.APIVersion())
		}
	}
	const binary = "application/vnd.kubernetes.protobuf,application/json"
	for path, accept := range map[string]string{
		"/api/v1/things":                            binary,
		"/apis/events.k8s.io/v1/things":             binary,
		"/apis/discovery.k8s.io/v1/things":          binary,
		"/apis/projectcontour.io/v1/things":         "application/json",
		"/apis/gateway.networking.k8s.io/v1/things": "application/json",
	} {
		if got, ok := requests[path]; !ok || got != accept {
			t.Errorf("%s accepts %q, want %q; requests %v", path, got, accept, slices.Collect(maps.Keys(requests)))
		}
	}
}

func TestBuiltInGroups(t *testing.T) {
	t.Parallel()
	for group, want := range map[string]bool{
		"": true, "apps": true, "discovery.k8s.io": true, "gateway.networking.k8s.io": false, "projectcontour.io": false,
	} {
		if got := builtIn(group); got != want {
			t.Errorf("builtIn(%q) = %v", group, got)
		}
	}
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	const text = `apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://api.example"}}]
contexts: [{name: a, context: {cluster: a}}]
current-context: a
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := FromFile(path)
	if err != nil || c.Host != "https://api.example" {
		t.Fatal(c, err)
	}
	if c = WithRateLimit(c, 0, 0); c.QPS != -1 {
		t.Errorf("QPS %v", c.QPS)
	}
	if c = WithRateLimit(c, 20, 30); c.QPS != 20 || c.Burst != 30 {
		t.Errorf("QPS %v, burst %d", c.QPS, c.Burst)
	}
	if _, err := FromFile(path + ".none"); err == nil || !strings.HasPrefix(err.Error(), "kubeconfig: ") {
		t.Errorf("got %v", err)
	}
}
