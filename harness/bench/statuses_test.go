package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// longTimeout bounds waits that should succeed, short one that should not.
const (
	longTimeout  = 10 * time.Second
	shortTimeout = time.Second // a wait that fails lasts this long: one attempt on a busy machine must fit
)

// watchServer answers a list with version 7 and each watch with the next of the texts; the
// last one stays open. It fails the test if a watch does not continue where the last ended.
func watchServer(t *testing.T, versions []string, texts []string) *client {
	t.Helper()
	watches := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "" {
			fmt.Fprint(w, `{"kind":"HTTPProxyList","metadata":{"resourceVersion":"7"},"items":[]}`)
			return
		}
		if got := r.URL.Query().Get("resourceVersion"); got != versions[watches] {
			t.Errorf("watch %d starts at %s, want %s", watches, got, versions[watches])
		}
		text := texts[watches]
		watches++
		fmt.Fprint(w, text)
		w.(http.Flusher).Flush()
		if watches == len(texts) {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	c, err := newClient(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c.namespace = "bench-x"
	return c
}

// event is one line of a watch: a proxy and its Valid condition.
func event(kind, name, version string, generation, observed int, valid string) string {
	return fmt.Sprintf(`{"type":%q,"object":{"metadata":{"name":%q,"resourceVersion":%q,"generation":%d},
		"status":{"conditions":[{"type":"Valid","status":%q,"observedGeneration":%d}]}}}`+"\n",
		kind, name, version, generation, valid, observed)
}

func follow(t *testing.T, c *client) *statuses {
	t.Helper()
	s, err := watchStatuses(t.Context(), c, routing{api: HTTPProxy}.followed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	s := follow(t, watchServer(t, []string{"7", "9"}, []string{
		event("ADDED", "a", "8", 1, 1, "True") + event("MODIFIED", "b", "9", 2, 1, "True"),
		event("ADDED", "c", "10", 1, 1, "False") + event("ADDED", "d", "11", 1, 1, "True") +
			event("DELETED", "d", "12", 1, 1, "True") + event("ADDED", "e", "13", 3, 3, "True"),
	}))
	if err := s.count(t.Context(), longTimeout, 2); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "e"} {
		if at, err := s.when(t.Context(), longTimeout, name); err != nil || at.IsZero() {
			t.Errorf("%s: %v, %v", name, at, err)
		}
	}
	for name, why := range map[string]string{"b": "an old status", "c": "invalid", "d": "deleted"} {
		if _, err := s.when(t.Context(), shortTimeout, name); err == nil || !strings.Contains(err.Error(), name+" is not valid") {
			t.Errorf("%s, %s: error %v", name, why, err)
		}
	}
	if s.seen() != 6 {
		t.Errorf("%d events, want 6", s.seen())
	}
}

// When the watch cannot continue, waits end at once.
func TestStatusesWatchEnds(t *testing.T) {
	t.Parallel()
	s := follow(t, watchServer(t, []string{"7"}, []string{`{"type":"ERROR","object":{"message":"too old"}}` + "\n"}))
	if err := s.count(t.Context(), longTimeout, 1); err == nil || !strings.Contains(err.Error(), "too old") {
		t.Errorf("error %v, want that of the server", err)
	}
}

func TestStatusesStop(t *testing.T) {
	t.Parallel()
	s := follow(t, watchServer(t, []string{"7"}, []string{""}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.count(ctx, longTimeout, 1); err == nil {
		t.Error("no error after the end of the context")
	}
}

func TestIngressIsValidWithAnAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}}`: true,
		`{"status":{"loadBalancer":{}}}`:                               false,
	} {
		var o answered
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		if got := (routing{api: Ingress}).valid(o); got != want {
			t.Errorf("%s: got %t", text, got)
		}
	}
}

// An HTTPRoute is valid when every parent has accepted its latest spec and what it refers to, a Gateway when it is programmed at an address.
func TestValidityOfTheGatewayAPI(t *testing.T) {
	t.Parallel()
	parent := func(accepted, resolved string, generation int) string {
		return fmt.Sprintf(`{"conditions":[{"type":"Accepted","status":%q,"observedGeneration":%d},{"type":"ResolvedRefs","status":%q,"observedGeneration":%d}]}`,
			accepted, generation, resolved, generation)
	}
	gateway := func(status, addresses string) string {
		return fmt.Sprintf(`"conditions":[{"type":"Accepted","status":"True","observedGeneration":2},{"type":"Programmed","status":%q,"observedGeneration":2}],"addresses":[%s]`, status, addresses)
	}
	route := routing{api: Gateway}.valid
	for status, test := range map[string]struct {
		valid func(answered) bool
		want  bool
	}{
		`"parents":[` + parent("True", "True", 2) + `]`:                                    {route, true},
		`"parents":[` + parent("True", "True", 1) + `]`:                                    {route, false},
		`"parents":[` + parent("True", "False", 2) + `]`:                                   {route, false},
		`"parents":[` + parent("True", "True", 2) + `,` + parent("False", "True", 2) + `]`: {route, false},
		`"parents":[]`:                            {route, false},
		gateway("True", `{"value":"127.0.0.1"}`):  {programmed, true},
		gateway("False", `{"value":"127.0.0.1"}`): {programmed, false},
		gateway("True", ""):                       {programmed, false},
	} {
		var o answered
		if err := json.Unmarshal([]byte(`{"metadata":{"generation":2},"status":{`+status+`}}`), &o); err != nil {
			t.Fatal(err)
		}
		if got := test.valid(o); got != test.want {
			t.Errorf("%s: got %t", status, got)
		}
	}
}

// A followed object reports when each generation became valid; a later one includes the earlier.
func TestStatusesOfGenerations(t *testing.T) {
	t.Parallel()
	s := &statuses{became: map[string]time.Time{}, history: map[string][]sighting{}, changed: make(chan struct{})}
	s.followed = routing{api: HTTPProxy}.followed()
	s.follow("a")
	start := time.Now()
	for i, generation := range []int64{1, 3} {
		var o answered
		text := fmt.Sprintf(`{"metadata":{"name":"a","generation":%[1]d},
			"status":{"conditions":[{"type":"Valid","status":"True","observedGeneration":%[1]d}]}}`, generation)
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		s.see("MODIFIED", o, start.Add(time.Duration(i)*time.Second))
	}
	for generation, want := range map[int64]time.Duration{1: 0, 2: time.Second, 3: time.Second} {
		if at, ok := s.since("a", generation); !ok || at.Sub(start) != want {
			t.Errorf("generation %d: %v after the start, %t, want %v", generation, at.Sub(start), ok, want)
		}
	}
	if _, ok := s.since("a", 4); ok {
		t.Error("generation 4 was never valid")
	}
	if _, ok := s.since("b", 0); ok {
		t.Error("b was not followed")
	}
}
