//go:build envoy

package envoybootstrap

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// controller is a minimal xDS server: it accepts the
// stream, reads the first message, and can stop and start again.
type controller struct {
	address  string // "unix:path" or host:port
	streams  chan stream
	attempts chan struct{} // connections, also those that were closed immediately
	pass     chan net.Conn
	tls      atomic.Pointer[tls.Config]

	mu   sync.Mutex
	away bool
	open []net.Conn
}

// stream is one xDS stream that Envoy opened.
type stream struct {
	path  string
	peer  string // common name of the client certificate
	first string // content of the first message
}

// option configures a test's controller, which by default has no TLS and listens on loopback.
type option interface {
	apply(*controller) (network, address string)
}

type unixSocket struct{ path string }

func (u *unixSocket) apply(c *controller) (network, address string) {
	c.address = "unix:" + u.path
	return "unix", u.path
}

type mutualTLS struct{ config *tls.Config }

func (m *mutualTLS) apply(c *controller) (network, address string) {
	c.present(m.config)
	return "tcp", "127.0.0.1:0"
}

func newController(t *testing.T, o option) *controller {
	t.Helper()
	c := &controller{streams: make(chan stream, 64), attempts: make(chan struct{}, 4096), pass: make(chan net.Conn)}
	network, address := "tcp", "127.0.0.1:0"
	if o != nil {
		network, address = o.apply(c)
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if c.address == "" {
		c.address = l.Addr().String()
	}
	server := &http.Server{Handler: http.HandlerFunc(c.serve), Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.accept(l) })
	running.Go(func() { c.run(server, &passed{ctx, c.pass, l.Addr()}) })
	t.Cleanup(func() {
		c.goAway()
		l.Close()
		cancel()
		server.Close()
		running.Wait()
	})
	return c
}

func (c *controller) run(server *http.Server, l net.Listener) {
	if c.tls.Load() == nil {
		_ = server.Serve(l) // ends with the test
		return
	}
	server.TLSConfig = &tls.Config{
		NextProtos: []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.tls.Load(), nil
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &c.tls.Load().Certificates[0], nil
		},
	}
	_ = server.ServeTLS(l, "", "") // ends with the test
}

// accept counts every connection and passes on those that are accepted while the controller runs.
func (c *controller) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c.attempts <- struct{}{}
		c.mu.Lock()
		away := c.away
		if !away {
			c.open = append(c.open, conn)
		}
		c.mu.Unlock()
		if away {
			conn.Close()
			continue
		}
		c.pass <- conn
	}
}

func (c *controller) serve(w http.ResponseWriter, r *http.Request) {
	s := stream{path: r.URL.Path}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		s.peer = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	s.first = firstMessage(r.Body)
	w.Header().Set("Content-Type", "application/grpc")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // a client that disconnected is detected below
	c.streams <- s
	<-r.Context().Done()
}

// firstMessage reads one message of a gRPC stream: a flag, its length in four bytes, its content.
func firstMessage(stream io.Reader) string {
	head := make([]byte, 5)
	if _, err := io.ReadFull(stream, head); err != nil {
		return ""
	}
	content := make([]byte, min(binary.BigEndian.Uint32(head[1:]), 1<<20))
	n, _ := io.ReadFull(stream, content) // missing bytes are visible in the content
	return string(content[:n])
}

func (c *controller) goAway() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = true
	for _, conn := range c.open {
		conn.Close()
	}
	c.open = nil
}

func (c *controller) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = false
}

func (c *controller) present(config *tls.Config) { c.tls.Store(config) }

func (c *controller) awaitStream(t *testing.T) stream {
	t.Helper()
	select {
	case s := <-c.streams:
		return s
	case <-time.After(timeout):
		t.Fatal("Envoy opened no stream")
		return stream{}
	}
}

func (c *controller) awaitAttempt(t *testing.T) {
	t.Helper()
	select {
	case <-c.attempts:
	case <-time.After(timeout):
		t.Fatal("Envoy did not try to connect")
	}
}

// config is the bootstrap configuration for this controller.
func (c *controller) config(t *testing.T) Config {
	t.Helper()
	config := Default()
	if strings.HasPrefix(c.address, "unix:") {
		config.XDSAddress = c.address
		return config
	}
	address, err := net.ResolveTCPAddr("tcp", c.address)
	if err != nil {
		t.Fatal(err)
	}
	config.XDSAddress, config.XDSPort = address.IP.String(), address.Port
	return config
}

// passed is a listener whose connections are received from a channel.
type passed struct {
	ctx  context.Context
	pass chan net.Conn
	addr net.Addr
}

func (p *passed) Accept() (net.Conn, error) {
	select {
	case conn := <-p.pass:
		return conn, nil
	case <-p.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (p *passed) Close() error   { return nil }
func (p *passed) Addr() net.Addr { return p.addr }
