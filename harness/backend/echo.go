package backend

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/websocket"
)

// Echo is the body of an answer, as JSON.
type Echo struct {
	// Service and Instance name the backend that answered.
	Service  string `json:"service"`
	Instance string `json:"instance"`
	// The request as the backend received it; Path includes the query.
	Method  string      `json:"method"`
	Host    string      `json:"host"`
	Path    string      `json:"path"`
	Proto   string      `json:"proto"`
	Headers http.Header `json:"headers"`
	// BodyBytes is the length of the request's body.
	BodyBytes int64 `json:"bodyBytes"`
	// TLS is nil without TLS.
	TLS *EchoTLS `json:"tls,omitempty"`
}

// EchoTLS is the backend's view of the TLS handshake.
type EchoTLS struct {
	ServerName string `json:"serverName"`
	ALPN       string `json:"alpn"`
	// ClientName is the common name of the client's certificate, empty if it has none.
	ClientName string `json:"clientName,omitempty"`
}

// Request headers that control the answer.
const (
	// StatusHeader is the status code of the answer.
	StatusHeader = "X-Echo-Status"
	// DelayHeader is how long to wait before the answer, as a Go duration.
	DelayHeader = "X-Echo-Delay"
	// SetHeader is a header of the answer, "name: value"; it may be repeated.
	SetHeader = "X-Echo-Set"
	// FailHeader is "count key", for retries: the first count requests with that key are answered with 503, the next one
	// as usual, and then the key is removed.
	FailHeader = "X-Echo-Fail"
)

// maxDelay is the upper bound of DelayHeader.
const maxDelay = time.Minute

// Handler answers requests with an Echo and upgrades those that request a
// WebSocket. delay is added to every answer.
func Handler(service, instance string, delay time.Duration) http.Handler {
	sockets := websocket.Server{Handler: func(ws *websocket.Conn) {
		_, _ = io.Copy(ws, ws) // until the client has enough
	}}
	failures := failures{seen: map[string]int{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			sockets.ServeHTTP(w, r)
			return
		}
		size, _ := io.Copy(io.Discard, r.Body) // a broken body is visible in its length
		if !wait(r, delay) {
			return
		}
		if failures.next(r.Header.Get(FailHeader)) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		e := describe(r)
		e.Service, e.Instance, e.BodyBytes = service, instance, size
		answer(w, r, e)
	})
}

// failures counts the requests that were failed by FailHeader.
type failures struct {
	mu   sync.Mutex
	seen map[string]int // by key
}

// maxKeys bounds the memory: beyond it all keys are removed.
const maxKeys = 10000

// next reports whether to fail a request with that FailHeader.
func (f *failures) next(header string) bool {
	text, key, _ := strings.Cut(header, " ")
	count, err := strconv.Atoi(text)
	if err != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen[key] >= count {
		delete(f.seen, key)
		return false
	}
	if len(f.seen) >= maxKeys {
		clear(f.seen)
	}
	f.seen[key]++
	return true
}

// wait waits for the delay and reports whether the client is still connected.
func wait(r *http.Request, delay time.Duration) bool {
	if requested, err := time.ParseDuration(r.Header.Get(DelayHeader)); err == nil {
		delay += min(requested, maxDelay)
	}
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func describe(r *http.Request) Echo {
	e := Echo{Method: r.Method, Host: r.Host, Path: r.RequestURI, Proto: r.Proto, Headers: r.Header}
	if r.TLS == nil {
		return e
	}
	e.TLS = &EchoTLS{ServerName: r.TLS.ServerName, ALPN: r.TLS.NegotiatedProtocol}
	if len(r.TLS.PeerCertificates) > 0 {
		e.TLS.ClientName = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	return e
}

func answer(w http.ResponseWriter, r *http.Request, e Echo) {
	for _, line := range r.Header.Values(SetHeader) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			w.Header().Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if status, err := strconv.Atoi(r.Header.Get(StatusHeader)); err == nil && status >= 200 && status <= 599 {
		w.WriteHeader(status)
	}
	_ = json.NewEncoder(w).Encode(e) // the client may have disconnected
}
