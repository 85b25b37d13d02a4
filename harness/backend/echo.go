package backend

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	// OfConnection is the number of the request among those of its connection, from 1; 0 if that is not known.
	OfConnection int64 `json:"ofConnection,omitempty"`
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

// Query parameters that control the answer to clients whose headers cannot be chosen.
const (
	// BodyParameter is the body of the answer, in base64 without padding, for URLs. If it is repeated, the n-th request with
	// that URL gets the n-th body, and all later ones the last.
	BodyParameter = "echo-body"
	// DelayParameter is as DelayHeader.
	DelayParameter = "echo-delay"
	// HostParameter is the only host to which the answer is not 421.
	HostParameter = "echo-host"
)

// maxDelay is the upper bound of DelayHeader.
const maxDelay = time.Minute

// Handler answers requests with an Echo and upgrades those that request a
// WebSocket. delay is added to every answer.
func Handler(service, instance string, delay time.Duration) http.Handler {
	sockets := websocket.Server{Handler: func(ws *websocket.Conn) {
		_, _ = io.Copy(ws, ws) // until the client has enough
	}}
	failures, bodies := counts{seen: map[string]int{}}, counts{seen: map[string]int{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			sockets.ServeHTTP(w, r)
			return
		}
		size, _ := io.Copy(io.Discard, r.Body) // a broken body is visible in its length
		query := r.URL.Query()
		if !wait(r, delay+parseDelay(query.Get(DelayParameter))) {
			return
		}
		switch host, parts := query.Get(HostParameter), query[BodyParameter]; {
		case failures.next(r.Header.Get(FailHeader)):
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case host != "" && host != r.Host:
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		case len(parts) > 0:
			answerBody(w, parts[bodies.upTo(r.RequestURI, len(parts)-1)])
			return
		}
		e := describe(r)
		e.Service, e.Instance, e.BodyBytes = service, instance, size
		answer(w, r, e)
	})
}

// counts are numbers of requests.
type counts struct {
	mu   sync.Mutex
	seen map[string]int // by key
}

// maxKeys bounds the memory: beyond it all keys are removed.
const maxKeys = 10000

// next reports whether to fail a request with that FailHeader.
func (f *counts) next(header string) bool {
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
	f.add(key)
	return true
}

// upTo returns how many requests with the key there were before this one, but at most most.
func (f *counts) upTo(key string, most int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.seen[key]
	if n < most {
		f.add(key)
	}
	return min(n, most)
}

// add counts a request; f is locked.
func (f *counts) add(key string) {
	if len(f.seen) >= maxKeys {
		clear(f.seen)
	}
	f.seen[key]++
}

// wait waits for the delay and reports whether the client is still connected.
func wait(r *http.Request, delay time.Duration) bool {
	delay += parseDelay(r.Header.Get(DelayHeader))
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

// parseDelay is 0 if the text is no duration.
func parseDelay(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return min(d, maxDelay)
}

// answerBody answers with the body, which is encoded; with 400 if it cannot be decoded.
func answerBody(w http.ResponseWriter, encoded string) {
	body, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(body) // the client may have disconnected
}

func describe(r *http.Request) Echo {
	e := Echo{Method: r.Method, Host: r.Host, Path: r.RequestURI, Proto: r.Proto, Headers: r.Header}
	if n, ok := r.Context().Value(served{}).(*atomic.Int64); ok {
		e.OfConnection = n.Add(1)
	}
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
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if status, err := strconv.Atoi(r.Header.Get(StatusHeader)); err == nil && status >= 200 && status <= 599 {
		w.WriteHeader(status)
	}
	_ = json.NewEncoder(w).Encode(e) // the client may have disconnected
}
