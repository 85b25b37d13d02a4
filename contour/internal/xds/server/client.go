package server

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// ClientLimits bounds what clients may have at a time. Zero values mean the defaults.
type ClientLimits struct {
	// PerAddress is the number of connections, and of streams, of an IP address; 16. An Envoy has one of each, and two for a
	// moment when it reconnects. Loopback and unix sockets have no limit of their own: their clients run on this machine.
	PerAddress  int
	Connections int // of all clients; 10,000
}

func (l ClientLimits) withDefaults() ClientLimits {
	if l.PerAddress == 0 {
		l.PerAddress = 16
	}
	if l.Connections == 0 {
		l.Connections = 10_000
	}
	return l
}

// addressCounts counts what each address has. The zero value is ready; it is safe for concurrent use.
type addressCounts struct {
	mu    sync.Mutex
	total int
	of    map[netip.Addr]int
}

// add counts one more of an address, unless that exceeds the limits. The zero Addr has no limit of its own.
func (c *addressCounts) add(a netip.Addr, perAddress, total int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total >= total || a.IsValid() && c.of[a] >= perAddress {
		return false
	}
	c.total++
	if a.IsValid() {
		if c.of == nil {
			c.of = map[netip.Addr]int{}
		}
		c.of[a]++
	}
	return true
}

func (c *addressCounts) remove(a netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if !a.IsValid() {
		return
	}
	if c.of[a]--; c.of[a] <= 0 {
		delete(c.of, a)
	}
}

// limitedAddress returns the address whose limit applies to a client, the zero Addr if none does.
func limitedAddress(a net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil || at.Addr().Unmap().IsLoopback() {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// Limit returns a listener that closes connections beyond Options.Clients as soon as they are accepted.
func (s *Server) Limit(l net.Listener) net.Listener {
	return LimitListener(l, s.options.Clients, func() { s.refused("connections") })
}

// LimitListener returns a listener that closes connections beyond the limits as soon as they are accepted, and calls
// refused for each of them.
func LimitListener(l net.Listener, limits ClientLimits, refused func()) net.Listener {
	return &limitedListener{Listener: l, limits: limits.withDefaults(), refused: refused}
}

type limitedListener struct {
	net.Listener
	limits  ClientLimits
	refused func()
	counts  addressCounts
}

// Accept returns the next connection within the limits.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		a := limitedAddress(c.RemoteAddr())
		if l.counts.add(a, l.limits.PerAddress, l.limits.Connections) {
			return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { l.counts.remove(a) })}, nil
		}
		l.refused()
		_ = c.Close()
	}
}

type limitedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection, which counts no longer.
func (c *limitedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// enter counts a stream before anything of it is read. leave must be called when it ends. The error has a gRPC status.
func (s *Server) enter(ctx context.Context) (leave func(), err error) {
	a := addressOf(ctx)
	limits := s.options.Clients
	if !s.streams.add(a, limits.PerAddress, maxStreams*limits.Connections) {
		s.refused("streams")
		return nil, status.Errorf(codes.ResourceExhausted, "there are %d streams from %s", limits.PerAddress, a)
	}
	return func() { s.streams.remove(a) }, nil
}

// addressOf returns the address whose limit applies to the client of a stream, the zero Addr if none does.
func addressOf(ctx context.Context) netip.Addr {
	p, _ := peer.FromContext(ctx)
	if p == nil || p.Addr == nil {
		return netip.Addr{}
	}
	return limitedAddress(p.Addr)
}

// hostOf returns the IP address of a client, "" if it has none.
func hostOf(ctx context.Context) string {
	p, _ := peer.FromContext(ctx)
	if p == nil || p.Addr == nil {
		return ""
	}
	at, err := netip.ParseAddrPort(p.Addr.String())
	if err != nil {
		return ""
	}
	return at.Addr().Unmap().WithZone("").String()
}

func (s *Server) refused(reason string) {
	if f := s.options.Hooks.Refused; f != nil {
		f(reason)
	}
}
