package server

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// knocking is a listener to which clients with these addresses connect, one after the other.
type knocking struct {
	net.Listener
	from   []string
	closed map[string]int
}

func (k *knocking) Accept() (net.Conn, error) {
	if len(k.from) == 0 {
		return nil, net.ErrClosed
	}
	c := &fakeConn{from: k.from[0], closed: k.closed}
	k.from = k.from[1:]
	return c, nil
}

type fakeConn struct {
	net.Conn
	from   string
	closed map[string]int
}

func (c *fakeConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}

func (c *fakeConn) Close() error { c.closed[c.from]++; return nil }

// acceptAll returns the addresses of the connections that are accepted, and the connections.
func acceptAll(t *testing.T, l net.Listener) (from []string, conns []net.Conn) {
	t.Helper()
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return from, conns
		}
		if err != nil {
			t.Fatal(err)
		}
		from, conns = append(from, c.RemoteAddr().String()), append(conns, c)
	}
}

func TestConnectionsAreLimitedByAddressAndInTotal(t *testing.T) {
	t.Parallel()
	refused := 0
	s := New(Options{Clients: ClientLimits{PerAddress: 2, Connections: 5}, Hooks: Hooks{Refused: func(string) { refused++ }}})
	k := &knocking{closed: map[string]int{}}
	l := s.Limit(k)
	k.from = []string{"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "[::ffff:10.0.0.1]:4", "10.0.0.2:1", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}
	from, conns := acceptAll(t, l)
	if len(from) != 5 || from[2] != "10.0.0.2:1" || from[4] != "127.0.0.1:2" || refused != 3 || k.closed["10.0.0.1:3"] != 1 {
		t.Errorf("accepted %v, closed %v, refused %d", from, k.closed, refused)
	}
	for range 3 { // a connection that is closed twice counts once
		_ = conns[0].Close()
	}
	k.from = []string{"10.0.0.1:5", "10.0.0.1:6"}
	if from, _ := acceptAll(t, l); len(from) != 1 || from[0] != "10.0.0.1:5" {
		t.Errorf("after one is closed: %v", from)
	}
}

func TestStreamsAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	s := New(Options{Clients: ClientLimits{PerAddress: 1}})
	enter := func(address string) (func(), error) {
		return s.enter(peer.NewContext(t.Context(), &peer.Peer{Addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}))
	}
	leave, err := enter("10.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enter("10.0.0.1:2"); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a second stream: %v", err)
	}
	if _, err := enter("10.0.0.2:1"); err != nil {
		t.Errorf("another address: %v", err)
	}
	for range 3 {
		if _, err := enter("127.0.0.1:1"); err != nil {
			t.Errorf("loopback: %v", err)
		}
	}
	leave()
	if _, err := enter("10.0.0.1:3"); err != nil {
		t.Errorf("after the first one ended: %v", err)
	}
}
