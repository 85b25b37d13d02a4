package kube

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"
)

// wire connects to an API server without a network, so that tests with a fake clock can use it, and can be interrupted.
type wire struct {
	server *apiServer

	mu    sync.Mutex
	cut   func(*http.Request) (*http.Response, error) // responds instead of the server, if not nil
	tries int                                         // requests since cut was set
	ends  map[*io.PipeWriter]context.CancelFunc       // responses in progress
}

func newWire(t *testing.T) (*wire, *rest.Config) {
	t.Helper()
	w := &wire{server: unreachableAPIServer(), ends: map[*io.PipeWriter]context.CancelFunc{}}
	t.Cleanup(w.server.close)
	return w, &rest.Config{Host: "http://api.example", QPS: -1, Transport: w}
}

// replace ends all responses in progress; f responds to all requests until restore is called.
func (w *wire) replace(f func(*http.Request) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.tries = f, 0
	for out, cancel := range w.ends {
		_ = out.CloseWithError(syscall.ECONNRESET)
		cancel()
	}
}

// restore ends the interruption, and returns the number of requests since replace.
func (w *wire) restore() (tries int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = nil
	return w.tries
}

// RoundTrip sends a request to the server, or to cut.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	in, out := io.Pipe()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut != nil {
		cancel()
		w.tries++
		return w.cut(r)
	}
	w.ends[out] = cancel
	a := &answer{header: http.Header{}, status: make(chan int, 1), body: out}
	go func() {
		w.server.ServeHTTP(a, r.WithContext(ctx))
		a.WriteHeader(http.StatusOK)
		_ = out.Close()
		cancel()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.ends, out)
	}()
	w.mu.Unlock()
	status := <-a.status
	w.mu.Lock()
	return &http.Response{StatusCode: status, Header: a.header, Body: in, Request: r}, nil
}

// answer is a response that the server writes.
type answer struct {
	header http.Header
	once   sync.Once
	status chan int
	body   io.Writer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.once.Do(func() { a.status <- status }) }

func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func refuse(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }

// fail returns a function that responds with a failure.
func fail(code int, reason string, header http.Header) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		a := httptest.NewRecorder()
		maps.Copy(a.Header(), header)
		failure(a, code, reason)
		response := a.Result()
		response.Request = r
		return response, nil
	}
}
