package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Options describe one server.
type Options struct {
	// Service and Instance are in every answer.
	Service, Instance string
	// Listen is the address to listen on; port 0 chooses a free one.
	Listen netip.AddrPort
	// TLS makes it an HTTPS server. If nil, it serves HTTP/1.1 and h2c without TLS on one port.
	TLS *tls.Config
	// Delay is added to every answer.
	Delay time.Duration
}

// Server is one running backend.
type Server struct {
	address  netip.AddrPort
	requests atomic.Int64
	stop     func(context.Context) error
	kill     func() error
}

// Address is the address that it listens on.
func (s *Server) Address() netip.AddrPort { return s.address }

// Requests is the number of requests (or TCP connections) received.
func (s *Server) Requests() int64 { return s.requests.Load() }

// Shutdown stops accepting and waits for the requests that are being answered.
func (s *Server) Shutdown(ctx context.Context) error { return s.stop(ctx) }

// Close closes all connections at once, as the crash of a pod does.
func (s *Server) Close() error { return s.kill() }

// served is the key of the number of requests that were answered on a connection, as *atomic.Int64.
type served struct{}

// HTTP starts an HTTP or HTTPS server, which also answers gRPC requests: for its health, and those of a proxy that asks about
// rate limits and authorization.
func HTTP(o Options) (*Server, error) {
	l, s, err := listen(o)
	if err != nil {
		return nil, err
	}
	echo, calls := Handler(o.Service, o.Instance, o.Delay), rpc(o.Service)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(o.TLS != nil)
	protocols.SetUnencryptedHTTP2(o.TLS == nil)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.requests.Add(1)
			if isRPC(r) {
				calls.ServeHTTP(w, r)
				return
			}
			echo.ServeHTTP(w, r)
		}),
		TLSConfig: o.TLS,
		Protocols: protocols,
		ErrorLog:  log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, served{}, new(atomic.Int64))
		},
	}
	s.stop, s.kill = server.Shutdown, server.Close
	go serve(server, l)
	return s, nil
}

// serve returns when the server was closed.
func serve(server *http.Server, l net.Listener) {
	if server.TLSConfig != nil {
		_ = server.ServeTLS(l, "", "")
		return
	}
	_ = server.Serve(l)
}

// TCP starts a server that sends its service name and a line feed and then echoes all bytes that it receives.
func TCP(o Options) (*Server, error) {
	l, s, err := listen(o)
	if err != nil {
		return nil, err
	}
	if o.TLS != nil {
		l = tls.NewListener(l, o.TLS)
	}
	t := &tcp{listener: l, service: o.Service, open: map[net.Conn]struct{}{}}
	s.stop = func(context.Context) error { return t.close() }
	s.kill = t.close
	go t.serve(&s.requests)
	return s, nil
}

func listen(o Options) (net.Listener, *Server, error) {
	l, err := net.Listen("tcp", o.Listen.String())
	if err != nil {
		return nil, nil, fmt.Errorf("backend %s: %w", o.Service, err)
	}
	address, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("backend %s: %w", o.Service, err), l.Close())
	}
	return l, &Server{address: address}, nil
}

// tcp is the connections of an echo server.
type tcp struct {
	listener net.Listener
	service  string

	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (t *tcp) serve(count *atomic.Int64) {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return
		}
		count.Add(1)
		t.mu.Lock()
		t.open[conn] = struct{}{}
		t.mu.Unlock()
		go t.echo(conn)
	}
}

func (t *tcp) echo(conn net.Conn) {
	if _, err := io.WriteString(conn, t.service+"\n"); err == nil {
		_, _ = io.Copy(conn, conn)
	}
	_ = conn.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, conn)
}

func (t *tcp) close() error {
	err := t.listener.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	for conn := range t.open {
		_ = conn.Close()
	}
	return err
}
