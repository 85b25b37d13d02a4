package permission

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// authorizer answers reviews without a network, so that the time of a test is that of its bubble.
type authorizer struct {
	mu     sync.Mutex
	denied map[string]bool // by verb and resource
	status int             // of all answers; 0: reviews are answered
	asked  []string
}

func (a *authorizer) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	answer := func(status int, body []byte) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}
	}
	if a.status != 0 {
		return answer(a.status, []byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure"}`)), nil
	}
	var review authorizationv1.SelfSubjectAccessReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, err
	}
	of := review.Spec.ResourceAttributes
	about := of.Verb + " " + of.Resource
	a.asked = append(a.asked, about)
	review.Status.Allowed = !a.denied[about]
	body, err = json.Marshal(review)
	return answer(http.StatusCreated, body), err
}

// set changes what is denied and with what status all is answered, and forgets what was asked.
func (a *authorizer) set(status int, denied ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.denied, a.asked = status, map[string]bool{}, nil
	for _, d := range denied {
		a.denied[d] = true
	}
}

func (a *authorizer) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// checked is a Checker of three needs that runs.
type checked struct {
	*authorizer
	*Checker
	log     bytes.Buffer
	missing [][]Permission
}

func newChecked(t *testing.T, status int, denied ...string) *checked {
	t.Helper()
	c := &checked{authorizer: &authorizer{}}
	c.set(status, denied...)
	proxies := Permission{Group: "projectcontour.io", Resource: "httpproxies", Namespace: "team"}
	list, watch, create := proxies, proxies, Permission{Verb: "create", Group: "events.k8s.io", Resource: "events"}
	list.Verb, watch.Verb = "list", "watch"
	var err error
	c.Checker, err = New(Options{
		Config: &rest.Config{Host: "http://api", Transport: c.authorizer, QPS: -1}, Log: slog.New(slog.NewTextHandler(&c.log, nil)),
		Needs:   []Need{{list, "nothing is served"}, {watch, "nothing is served"}, {create, "no Events"}},
		Missing: func(m []Permission) { c.missing = append(c.missing, m) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	synctest.Wait()
	return c
}

// lines returns what was logged since the last call, without the time.
func (c *checked) lines() (lines []string) {
	for line := range strings.Lines(c.log.String()) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		lines = append(lines, text)
	}
	c.log.Reset()
	return lines
}

// What is missing is logged once, with the verb, the resource, the namespace and what is not done, and asked for again until it is
// granted; then nothing is asked until a request is refused.
func TestMissingPermissions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChecked(t, 0, "list httpproxies")
		missing := `level=ERROR msg="permission is missing: add it to the role of the controller, which retries" permission="list httpproxies.projectcontour.io" namespace=team effect="nothing is served"`
		if diff := cmp.Diff([]string{missing}, c.lines()); diff != "" {
			t.Fatal(diff)
		}
		c.set(0, "list httpproxies")
		time.Sleep(10 * interval)
		synctest.Wait()
		if got := c.questions(); len(got) < 9 || len(got) > 10 || len(c.lines()) > 0 {
			t.Errorf("asked %q, want only for what is missing, about once an interval, without a line of the log", got)
		}
		c.set(0)
		time.Sleep(interval)
		synctest.Wait()
		if diff := cmp.Diff([]string{`level=INFO msg="permission is granted now" permission="list httpproxies.projectcontour.io" namespace=team`}, c.lines()); diff != "" {
			t.Error(diff)
		}
		c.set(0, "create events")
		time.Sleep(time.Hour)
		if got := c.questions(); len(got) > 0 {
			t.Errorf("asked %q although nothing was missing and no request was refused", got)
		}
		refuse(t, c)
		if got := c.lines(); len(got) != 1 || !strings.Contains(got[0], `permission="create events.events.k8s.io" namespace="" effect="no Events"`) {
			t.Errorf("after a refused request: %q", got)
		}
		sizes := []int{}
		for _, m := range c.missing {
			sizes = append(sizes, len(m))
		}
		if diff := cmp.Diff([]int{1, 0, 1}, sizes); diff != "" {
			t.Errorf("numbers of what is missing: %s", diff)
		}
	})
}

// A permission that is missing for good hides no other one.
func TestARefusedRequestWhileAPermissionIsMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChecked(t, 0, "list httpproxies")
		c.lines()
		c.set(0, "list httpproxies", "create events")
		time.Sleep(10 * interval)
		synctest.Wait()
		if got := c.lines(); len(got) > 0 {
			t.Fatalf("before a request was refused: %q", got)
		}
		c.set(0, "list httpproxies", "create events")
		c.refused <- struct{}{}
		time.Sleep(interval)
		synctest.Wait()
		if got := c.lines(); len(got) != 1 || !strings.Contains(got[0], `permission="create events.events.k8s.io"`) {
			t.Errorf("after a refused request: %q", got)
		}
		if got := c.questions(); len(got) != len(c.Needs) {
			t.Errorf("asked %q", got)
		}
	})
}

// refuse sends a request that is refused, as clients of the controller do, a thousand times: that is one round of questions.
func refuse(t *testing.T, c *checked) {
	t.Helper()
	transport := c.Observe(refusing{})
	for range 1000 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api/", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	synctest.Wait()
	if got := len(c.questions()); got != len(c.Needs) {
		t.Errorf("%d questions after refused requests, want %d", got, len(c.Needs))
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody}, nil
}

// An API server that does not answer reviews makes nothing missing; it is asked again.
func TestReviewsThatAreNotAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChecked(t, http.StatusForbidden, "list httpproxies")
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := c.lines(); len(got) != 1 || !strings.Contains(got[0], `msg="permissions cannot be checked"`) || len(c.missing) > 0 {
			t.Errorf("logged %q, missing %v", got, c.missing)
		}
		c.set(0, "list httpproxies")
		time.Sleep(interval)
		synctest.Wait()
		if got := c.lines(); len(got) != 1 || !strings.Contains(got[0], "permission is missing") {
			t.Errorf("after the answer: %q", got)
		}
	})
}
