// Package relay forwards TCP connections, as a Service in front of the controller's
// replicas does, and can break them.
//
// It takes the addresses of targets; a connection is forwarded to the first that accepts it. A
// test can change the targets, close all connections, or make the relay silent (it accepts, and
// forwards nothing) to simulate a partition. It does not interpret what it forwards, and counts the bytes: a benchmark
// measures by that what any controller sends, with or without TLS.
package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// dialTimeout is for one target; they are all on this machine.
const dialTimeout = time.Second

// Relay is one listener. Its methods are safe for concurrent use.
type Relay struct {
	listener net.Listener
	sent     atomic.Int64 // by the targets
	received atomic.Int64 // by the targets

	mu      sync.Mutex
	targets []string
	silent  chan struct{} // open while silent, closed otherwise
	open    map[net.Conn]struct{}
	closed  bool
}

// Listen starts a relay on an address ("127.0.0.1:0" takes a free port) to targets (host:port).
func Listen(address string, targets ...string) (*Relay, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{listener: l, targets: targets, silent: make(chan struct{}), open: map[net.Conn]struct{}{}}
	close(r.silent)
	go r.serve()
	return r, nil
}

// Port is the port that it listens on.
func (r *Relay) Port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// Sent is the number of bytes received from the targets, over all connections so far.
func (r *Relay) Sent() int64 { return r.sent.Load() }

// Received is the number of bytes sent to the targets, over all connections so far.
func (r *Relay) Received() int64 { return r.received.Load() }

// SetTargets applies to connections that are accepted from now on.
func (r *Relay) SetTargets(targets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = targets
}

// Cut closes every connection.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.open {
		_ = conn.Close()
	}
}

// Silence stops forwarding on all connections, open and new, until Resume; nothing is lost.
func (r *Relay) Silence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if isClosed(r.silent) {
		r.silent = make(chan struct{})
	}
}

// Resume ends Silence.
func (r *Relay) Resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !isClosed(r.silent) {
		close(r.silent)
	}
}

// Close stops listening and closes every connection.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	err := r.listener.Close()
	r.Resume()
	r.Cut()
	return err
}

func (r *Relay) serve() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		go r.forward(conn)
	}
}

// forward copies both ways until one side ends; then it closes both.
func (r *Relay) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	target, err := r.dial()
	if err != nil {
		return // the client sees its connection closed
	}
	defer func() { _ = target.Close() }()
	if !r.track(client, target) {
		return
	}
	defer r.untrack(client, target)
	ended := make(chan struct{}, 2)
	for _, way := range []struct {
		from, to net.Conn
		count    *atomic.Int64
	}{{client, target, &r.received}, {target, client, &r.sent}} {
		go func() {
			r.pump(way.to, way.from, way.count)
			ended <- struct{}{}
		}()
	}
	<-ended
	_ = client.Close()
	_ = target.Close()
	<-ended
}

func (r *Relay) dial() (net.Conn, error) {
	r.mu.Lock()
	targets := r.targets
	r.mu.Unlock()
	errs := []error{errors.New("no target accepts")}
	for _, t := range targets {
		conn, err := net.DialTimeout("tcp", t, dialTimeout)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// pump copies and counts, and waits before each write while the relay is silent.
func (r *Relay) pump(to io.Writer, from io.Reader, count *atomic.Int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		count.Add(int64(n))
		r.mu.Lock()
		silent := r.silent
		r.mu.Unlock()
		<-silent
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// track adds a connection and reports whether the relay is still open.
func (r *Relay) track(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.open[c] = struct{}{}
	}
	return !r.closed
}

func (r *Relay) untrack(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.open, c)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
