//go:build local

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"contour.example/harness/backend"
	"contour.example/harness/traffic"
)

// errRefused is that nothing listens at an address.
const errRefused = syscall.ECONNREFUSED

// lane is a client that sends one request after the other, and expects the answer to each.
type lane struct {
	name   string
	send   func(context.Context) error
	close  func()
	sent   atomic.Int64 // since start
	cancel context.CancelFunc
	done   sync.WaitGroup
	err    error // the first one since start
}

const (
	// pace is the time between two requests of a lane.
	pace = 10 * time.Millisecond
	// patience bounds the wait for an answer.
	patience = 5 * time.Second
)

// start sends until stop.
func (l *lane) start(ctx context.Context) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.sent.Store(0)
	l.err = nil
	l.done.Go(func() {
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := l.send(context.WithoutCancel(ctx)); err != nil && l.err == nil {
				l.err = err
			}
			l.sent.Add(1)
		}
	})
}

// stop returns the first failure.
func (l *lane) stop() error {
	l.cancel()
	l.done.Wait()
	return l.err
}

// httpLane sends all requests over one connection. That of another one is a failure.
func httpLane(f *fixture, name string, r traffic.Request) *lane {
	transport := f.s.Traffic.Transport(r)
	transport.MaxConnsPerHost = 1
	dial, dials := transport.DialContext, atomic.Int64{}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, address)
	}
	return &lane{name: name, close: transport.CloseIdleConnections, send: func(ctx context.Context) error {
		a, err := traffic.Do(ctx, transport, r)
		switch {
		case err != nil:
			return err //nolint:wrapcheck // it names the request
		case a.Backend() != "shop":
			return errors.New(a.String())
		case dials.Load() > 1:
			return errors.New("the connection was closed")
		}
		return nil
	}}
}

// newConnections sends a line over a new connection each time.
func newConnections(address string) *lane {
	client := traffic.Client{HTTP: address}
	return &lane{name: "TCP connections", close: func() {}, send: func(ctx context.Context) error {
		service, reply, err := client.TCP(ctx, traffic.Request{Timeout: patience}, "line")
		if err == nil && (service != "raw" || reply != "line") {
			err = fmt.Errorf("%q from %q", reply, service)
		}
		return err //nolint:wrapcheck // it names the address
	}}
}

// oneConnection sends all lines over one connection.
func oneConnection(f *fixture, address string) *lane {
	f.t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		f.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if service, err := in.ReadString('\n'); service != "raw\n" {
		f.t.Fatalf("%q, %v", service, err)
	}
	return &lane{name: "TCP connection", close: func() { _ = conn.Close() }, send: func(context.Context) error {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return fmt.Errorf("deadline: %w", err)
		}
		if _, err := io.WriteString(conn, "line\n"); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		if line, err := in.ReadString('\n'); line != "line\n" {
			return fmt.Errorf("received %q: %w", line, err)
		}
		return nil
	}}
}

// newFlows sends a datagram of a new flow each time.
func newFlows(address string) *lane {
	return &lane{name: "UDP flows", close: func() {}, send: func(context.Context) error {
		conn, err := net.Dial("udp", address)
		if err != nil {
			return fmt.Errorf("flow: %w", err)
		}
		defer func() { _ = conn.Close() }()
		_, err = datagram(conn)
		return err
	}}
}

// oneFlow sends all datagrams from one port. The backend must see one flow.
func oneFlow(f *fixture, address string) *lane {
	f.t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		f.t.Fatal(err)
	}
	first, err := datagram(conn)
	if err != nil {
		f.t.Fatal(err)
	}
	return &lane{name: "UDP flow", close: func() { _ = conn.Close() }, send: func(context.Context) error {
		from, err := datagram(conn)
		if err == nil && from != first {
			err = fmt.Errorf("the flow from %s is one from %s now", first, from)
		}
		return err
	}}
}

// datagram sends a datagram and returns the answer, which is the address from which the backend got it.
func datagram(conn net.Conn) (from string, err error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", fmt.Errorf("deadline: %w", err)
	}
	if _, err := io.WriteString(conn, "datagram"); err != nil {
		return "", fmt.Errorf("send: %w", err)
	}
	b := make([]byte, 64)
	n, err := conn.Read(b)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	return string(b[:n]), nil
}

// echoes starts the backends of TCP and UDP, and returns their addresses, of one IP address. The one for UDP answers with the sender.
func echoes(f *fixture) (raw, datagrams netip.AddrPort) {
	f.t.Helper()
	ip, err := f.s.Addresses.IP()
	if err != nil {
		f.t.Fatal(err)
	}
	server, err := backend.TCP(backend.Options{Service: "raw", Listen: netip.AddrPortFrom(ip, 0)})
	if err != nil {
		f.t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _, _ = server.Close(), conn.Close() })
	go func() {
		b := make([]byte, 64)
		for {
			_, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort([]byte(from.String()), from)
		}
	}()
	return server.Address(), conn.LocalAddr().(*net.UDPAddr).AddrPort()
}
