// Package wire forwards TCP connections and counts the bytes.
//
// In goes the address of a server; out come the bytes that went each way, over all connections so far. It
// stands between Envoy and a controller, so that what a controller sends is measured the same way whoever
// wrote it, with or without TLS. It looks into nothing, and holds nothing back.
package wire

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// dialTimeout is for the server.
	dialTimeout = 2 * time.Second
	// bufferSize is what is copied at a time, per direction.
	bufferSize = 64 << 10
)

// Relay is one listener. Its methods are safe for concurrent use.
type Relay struct {
	listener net.Listener
	server   string
	sent     atomic.Int64 // by the server
	received atomic.Int64 // by the server

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]struct{}
	active sync.WaitGroup
}

// Listen starts a relay on an address ("127.0.0.1:0" takes a free port) to a server (host:port), which need not run yet.
func Listen(address, server string) (*Relay, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	r := &Relay{listener: l, server: server, open: map[net.Conn]struct{}{}}
	r.active.Go(r.accept)
	return r, nil
}

// Port is where it listens.
func (r *Relay) Port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// Sent is the bytes that the server has sent.
func (r *Relay) Sent() int64 { return r.sent.Load() }

// Received is the bytes that were sent to the server.
func (r *Relay) Received() int64 { return r.received.Load() }

// Close stops listening, cuts every connection and returns when all is quiet.
func (r *Relay) Close() error {
	err := r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for conn := range r.open {
		_ = conn.Close()
	}
	r.mu.Unlock()
	r.active.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.active.Go(func() { r.forward(client) })
	}
}

// forward copies both ways until one side ends; then it closes both.
func (r *Relay) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.DialTimeout("tcp", r.server, dialTimeout)
	if err != nil {
		return // the client sees its connection closed
	}
	defer func() { _ = server.Close() }()
	if !r.track(client, server) {
		return
	}
	defer r.forget(client, server)
	var both sync.WaitGroup
	both.Go(func() { pump(client, server, &r.sent) })
	both.Go(func() { pump(server, client, &r.received) })
	both.Wait()
}

// pump copies and counts until one side ends, and then closes both.
func pump(to, from net.Conn, count *atomic.Int64) {
	defer func() { _, _ = to.Close(), from.Close() }()
	_, _ = io.CopyBuffer(counted{to, count}, reader{from}, make([]byte, bufferSize))
}

// counted is a Writer and no more, so that every byte is seen.
type counted struct {
	to    io.Writer
	count *atomic.Int64
}

// Write counts what it passes on.
func (c counted) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.count.Add(int64(n))
	return n, err
}

// reader is a Reader and no more.
type reader struct{ io.Reader }

// track says whether the relay is still open.
func (r *Relay) track(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.open[c] = struct{}{}
	}
	return !r.closed
}

func (r *Relay) forget(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.open, c)
	}
}
