package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"contour.example/harness/load"
	"contour.example/harness/poll"
)

// model is an API server for HTTPRoutes and a proxy that serves each as soon as it exists. answers are those of the first requests to a
// new host, in place of the right ones.
type model struct {
	mu      sync.Mutex
	routes  map[string]int // requests so far
	answers []int
	highest int // number of routes at a time
	refuse  string
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/apis/") {
		m.change(w, r)
		return
	}
	name, _, _ := strings.Cut(r.Host, ".")
	asked, ok := m.routes[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	m.routes[name]++
	if asked < len(m.answers) {
		w.WriteHeader(m.answers[asked])
		return
	}
	fmt.Fprintf(w, `{"service":%q}`, backendName(1))
}

func (m *model) change(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	if r.Method == http.MethodPost {
		var o answered
		_ = json.NewDecoder(r.Body).Decode(&o)
		if name = o.Metadata.Name; name == m.refuse {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		m.routes[name] = 0
		m.highest = max(m.highest, len(m.routes))
	} else {
		delete(m.routes, name)
	}
	fmt.Fprint(w, "{}")
}

// propagateOn runs the scenario's changes on the model, without other load.
func propagateOn(t *testing.T, m *model, o Propagation) *propagated {
	t.Helper()
	m.routes = map[string]int{}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	c, err := newClient(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c.namespace = "bench-x"
	b := &bench{Options: Options{N: 1, Propagation: o, Writers: 1}, random: rand.New(rand.NewPCG(1, 1)), client: c, statuses: &statuses{}}
	b.workload = &workload{client: c, routing: routing{api: Gateway}, services: 2, second: []int{1}}
	b.prober = newProber(strings.TrimPrefix(server.URL, "http://"), "", nil)
	t.Cleanup(b.prober.close)
	p := &propagated{bench: b, wrong: map[string]int{}, slots: make(chan struct{}, o.Changes)} // enough on a slow machine
	p.run(t.Context())
	return p
}

// Each change is made and measured once, and an object stays until so many others have been created.
func TestPropagation(t *testing.T) {
	t.Parallel()
	m := &model{answers: []int{404, 503, 404, 500}}
	p := propagateOn(t, m, Propagation{Changes: 2*newest + 61, Rate: 1e3})
	const half = newest + 30
	if len(p.seen) != half || len(p.written) != half || len(p.gone) != half || p.missed != 0 {
		t.Errorf("%d seen, %d written, %d gone, %d missed (%v), want %d of each", len(p.seen), len(p.written), len(p.gone), p.missed, p.err, half)
	}
	if len(m.routes) != 0 || m.highest < newest/2 {
		t.Errorf("%d objects are left, there were up to %d", len(m.routes), m.highest)
	}
	want := map[string]int{`status 503 from backend ""`: half, `status 500 from backend ""`: half}
	if diff := cmp.Diff(want, p.wrong); diff != "" || p.faults() != 2*half {
		t.Errorf("%d errors; %s", p.faults(), diff)
	}
}

// What the API server refuses is missed, and its deletion is not made.
func TestPropagationMisses(t *testing.T) {
	t.Parallel()
	m := &model{refuse: nth("propagation", 1)}
	p := propagateOn(t, m, Propagation{Changes: 6, Rate: 1e3})
	if p.missed != 1 || p.err == nil || len(p.seen) != 2 || len(p.gone) != 2 || p.faults() != 1 {
		t.Errorf("%d missed (%v), %d seen, %d gone", p.missed, p.err, len(p.seen), len(p.gone))
	}
	p.slots = make(chan struct{}) // none is free
	if p.start(func() { t.Error("was made") }) || p.missed != 2 {
		t.Errorf("%d missed, want one more", p.missed)
	}
}

// What is served gets requests until its deletion is due, which waits for the answers.
func TestPropagationAsksWhatIsServed(t *testing.T) {
	t.Parallel()
	m := &model{}
	p := propagateOn(t, m, Propagation{Changes: 2, Rate: 1e3})
	if _, wrong := p.send(t.Context()); wrong != `status 404 from backend ""` {
		t.Errorf("%q of the loaded object, which does not exist", wrong)
	}
	c := &created{name: "new", done: make(chan struct{})}
	close(c.done)
	m.mu.Lock()
	m.routes["new"] = 0
	m.mu.Unlock()
	p.served = []*created{{name: "other"}, c, {name: "another"}}
	seen := map[string]int{}
	for range 200 {
		w, answered := p.next()
		answered()
		seen[strings.Split(w.host, ".")[0]]++
	}
	if seen[objectName(0)] != 100 || seen["new"] == 0 || seen["other"] == 0 || seen["another"] == 0 {
		t.Errorf("asked %v", seen)
	}
	p.served = []*created{c}
	var answered func()
	for w := (want{}); w.host != p.workload.host("new"); {
		if answered != nil {
			answered()
		}
		w, answered = p.next()
	}
	removed := make(chan struct{})
	go func() {
		defer close(removed)
		p.remove(t.Context(), c)
	}()
	err := poll.Until(t.Context(), longTimeout, "the end of the requests to it", func(context.Context) (bool, string, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.served) == 0, "it gets some", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	if _, ok := m.routes["new"]; !ok {
		t.Error("deleted before the request was answered")
	}
	m.mu.Unlock()
	answered()
	<-removed
	if len(m.routes) != 0 || len(p.gone) != 2 {
		t.Errorf("%v are left, %d gone", m.routes, len(p.gone))
	}
}

// What is exceeded is named, and nothing else.
func TestPropagationExceeds(t *testing.T) {
	t.Parallel()
	calm := func() *propagated {
		return &propagated{
			seen: []time.Duration{propagationP50, propagationP99}, wrong: map[string]int{},
			requests: load.Report{Sent: 5, OK: 5}, memory: map[sampled]float64{controllerAll: propagationMemory},
		}
	}
	if got := calm().exceeded(); got != nil {
		t.Errorf("of what is within the bounds: %v", got)
	}
	for want, change := range map[string]func(*propagated){
		"create p50 11ms > 10ms":       func(p *propagated) { p.seen[0] += time.Millisecond },
		"create p99 51ms > 50ms":       func(p *propagated) { p.seen[1] += time.Millisecond },
		"no object was served":         func(p *propagated) { p.seen = nil },
		"no request was sent":          func(p *propagated) { p.requests = load.Report{} },
		"1 errors":                     func(p *propagated) { p.missed, p.err = 1, errors.New("why") },
		"2 errors":                     func(p *propagated) { p.wrong["status 503"] = 2 },
		"3 errors":                     func(p *propagated) { p.requests.NotSent = 3 },
		"4 errors":                     func(p *propagated) { p.requests.OK = 1 },
		"controller 151 MiB > 150 MiB": func(p *propagated) { p.memory[controllerAll]++ },
	} {
		p := calm()
		change(p)
		if got := p.exceeded(); len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A request that nobody answers is counted by its kind, the end of the wait is not.
func TestPropagationCountsErrorsOfConnections(t *testing.T) {
	t.Parallel()
	p := propagateOn(t, &model{}, Propagation{Changes: 2, Rate: 1e3})
	p.prober = newProber("127.0.0.1:1", "", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.until(ctx, p.workload.want("new", "any"), absent); err == nil {
		t.Error("no error")
	}
	if p.wrong["connection refused"] == 0 || len(p.wrong) != 1 {
		t.Errorf("counted %v", p.wrong)
	}
}
