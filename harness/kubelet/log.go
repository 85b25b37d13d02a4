package kubelet

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"contour.example/harness/pki"
)

// logName is a container of a Pod.
type logName struct{ namespace, pod, container string }

// log is the lines that a container has written, with their times.
type log struct {
	name logName

	mu    sync.Mutex
	lines []line
	rest  []byte // of a line that has no end yet
}

type line struct {
	at   time.Time
	text string
}

// Write splits what the container writes.
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.rest = append(l.rest, b...)
	for {
		text, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		l.lines = append(l.lines, line{now, string(text)})
		l.rest = rest
	}
}

// since returns the lines that are not older.
func (l *log) since(t time.Time) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text []byte
	for _, line := range l.lines {
		if !line.at.Before(t) {
			text = append(append(text, line.text...), '\n')
		}
	}
	return text
}

// logServer serves logs as the API server requests them of a kubelet.
type logServer struct {
	port   int
	server *http.Server
	done   chan error

	mu   sync.Mutex
	logs map[logName]*log
}

func serveLogs(ip string) (*logServer, error) {
	ca, err := pki.New("kubelet")
	if err != nil {
		return nil, err
	}
	pair, err := ca.Server(ip)
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.New("logs: no TCP address")
	}
	s := &logServer{port: address.Port, done: make(chan error, 1), logs: map[logName]*log{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.serve)
	s.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	go func() { s.done <- s.server.ServeTLS(listener, "", "") }()
	return s, nil
}

// serve answers with a log. Of the options of the API only sinceTime has an effect.
func (s *logServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	l := s.logs[logName{r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container")}]
	s.mu.Unlock()
	if l == nil {
		http.Error(w, "there is no such container", http.StatusNotFound)
		return
	}
	var since time.Time
	if text := r.URL.Query().Get("sinceTime"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	_, _ = w.Write(l.since(since))
}

func (s *logServer) add(l *log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[l.name] = l
}

func (s *logServer) remove(l *log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs[l.name] == l {
		delete(s.logs, l.name)
	}
}

func (s *logServer) close() error {
	err := s.server.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
