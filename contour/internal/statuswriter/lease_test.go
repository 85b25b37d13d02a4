package statuswriter

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// leases is an API server that knows one Lease.
type leases struct {
	mu      sync.Mutex
	lease   *coordinationv1.Lease
	version int
	away    bool
}

func (l *leases) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case l.away:
		answer(w, http.StatusInternalServerError, metav1.StatusReasonInternalError)
	case r.Method == http.MethodGet && l.lease == nil:
		answer(w, http.StatusNotFound, metav1.StatusReasonNotFound)
	case r.Method == http.MethodGet:
		_ = json.NewEncoder(w).Encode(l.lease)
	default:
		l.write(w, r)
	}
}

func (l *leases) write(w http.ResponseWriter, r *http.Request) {
	var next coordinationv1.Lease
	if err := json.NewDecoder(r.Body).Decode(&next); err != nil {
		answer(w, http.StatusBadRequest, metav1.StatusReasonBadRequest)
		return
	}
	if l.lease != nil && next.ResourceVersion != l.lease.ResourceVersion {
		answer(w, http.StatusConflict, metav1.StatusReasonConflict)
		return
	}
	l.version++
	next.TypeMeta = metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}
	next.ResourceVersion = strconv.Itoa(l.version)
	l.lease = &next
	_ = json.NewEncoder(w).Encode(l.lease)
}

func answer(w http.ResponseWriter, code int, reason metav1.StatusReason) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Reason: reason, Code: int32(code),
	})
}

func (l *leases) setAway(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
}

func (l *leases) holder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lease == nil || l.lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.lease.Spec.HolderIdentity
}

// replica takes part in an election and tells when it begins and ends to lead.
type replica struct {
	began, ended chan struct{}
	stop         func()
}

func take(t *testing.T, url, id string, onEnd func()) replica {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := replica{began: make(chan struct{}, 10), ended: make(chan struct{}, 10)}
	var running sync.WaitGroup
	running.Go(func() {
		e := Election{
			Config: &rest.Config{Host: url, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, Namespace: "projectcontour", Name: "leader-elect", Identity: id,
			LeaseDuration: time.Second, RenewDeadline: 500 * time.Millisecond, RetryPeriod: 100 * time.Millisecond,
			Log: slog.New(slog.DiscardHandler),
		}
		if err := e.Run(ctx, func(held context.Context) {
			r.began <- struct{}{}
			<-held.Done()
			onEnd()
			r.ended <- struct{}{}
		}); err != nil {
			t.Error(err)
		}
	})
	r.stop = func() { cancel(); running.Wait() }
	t.Cleanup(r.stop)
	return r
}

func expect(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("timed out waiting until %s", what)
	}
}

func TestTheLeaseIsGivenBackOnceLeadHasReturned(t *testing.T) {
	l := &leases{}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	var holderAtEnd string
	a := take(t, server.URL, "a", func() { holderAtEnd = l.holder() })
	expect(t, a.began, "a leads")
	b := take(t, server.URL, "b", func() {})
	a.stop()
	expect(t, b.began, "b leads")
	if holderAtEnd != "a" {
		t.Errorf("the lease was held by %q while a still led", holderAtEnd)
	}
	if l.holder() != "b" {
		t.Errorf("holder %q, want b", l.holder())
	}
}

func TestALeaderThatLosesTheAPIServerStopsAndComesBack(t *testing.T) {
	l := &leases{}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	a := take(t, server.URL, "a", func() {})
	expect(t, a.began, "a leads")
	l.setAway(true)
	expect(t, a.ended, "a stops")
	l.setAway(false)
	expect(t, a.began, "a leads again")
}

func TestWrongSettingsAreAnError(t *testing.T) {
	e := Election{Config: &rest.Config{Host: "127.0.0.1:1"}, Identity: "a", Log: slog.New(slog.DiscardHandler), LeaseDuration: 1, RenewDeadline: 2, RetryPeriod: 3}
	if err := e.Run(t.Context(), func(context.Context) {}); err == nil {
		t.Error("no error")
	}
}
