package dns

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"contour.example/contour/internal/ir"
)

// server is a DNS server on a loopback address.
type server struct {
	mu    sync.Mutex
	asked []string // types and names, such as "A x.example."
}

func (s *server) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.asked)
	return slices.Compact(s.asked)
}

// serveDNS answers questions about names that start with known, unknown, failing and silent accordingly.
func serveDNS(t *testing.T) (*server, system) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := &server{}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := s.answer(buffer[:n]); reply != nil {
				_, _ = c.WriteTo(reply, from)
			}
		}
	}()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.LocalAddr().String())
	}
	return s, system{resolver: &net.Resolver{PreferGo: true, Dial: dial}, hasIPv6: func() bool { return true }}
}

func (s *server) answer(packet []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(packet) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := q.Name.String()
	s.mu.Lock()
	s.asked = append(s.asked, strings.TrimPrefix(q.Type.String(), "Type")+" "+name)
	s.mu.Unlock()
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET}
	switch {
	case strings.HasPrefix(name, "silent"):
		return nil
	case strings.HasPrefix(name, "unknown"):
		out.RCode = dnsmessage.RCodeNameError
	case strings.HasPrefix(name, "failing"):
		out.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeA:
		out.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}}
	case q.Type == dnsmessage.TypeAAAA:
		out.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::1").As16()}}}
	}
	reply, err := out.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// The system is asked about the name as it is, and in the families that are used.
func TestLookup(t *testing.T) {
	for _, c := range []struct {
		host   string
		family ir.AddressFamily
		noIPv6 bool
		want   failure
		asked  string
	}{
		{host: "known.example", family: ir.AddressesAuto, asked: "A known.example. AAAA known.example."},
		{host: "known.example", family: ir.AddressesAuto, noIPv6: true, asked: "A known.example."},
		{host: "known", family: ir.AddressesAll, asked: "A known. AAAA known."},
		{host: "known.example", family: ir.AddressesV4, asked: "A known.example."},
		{host: "known.example", family: ir.AddressesV6, asked: "AAAA known.example."},
		{host: "localhost", family: ir.AddressesAuto, want: notPermitted},
		{host: "x.localhost", family: ir.AddressesV6, want: notPermitted},
		{host: "unknown.example", family: ir.AddressesV4, want: notFound, asked: "A unknown.example."},
		{host: "failing.example", family: ir.AddressesV4, want: serverFailed, asked: "A failing.example."},
		{host: "silent.example", family: ir.AddressesV4, want: noAnswer, asked: "A silent.example."},
	} {
		s, dns := serveDNS(t)
		if c.noIPv6 {
			dns.hasIPv6 = func() bool { return false }
		}
		x := New(Options{Limits: DefaultLimits(), Lookup: dns.lookup, Rules: func() Rules { return Rules{Family: c.family} }})
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		found, problem := x.resolve(ctx, c.host)
		cancel()
		if problem != c.want || (len(found) == 0) == (c.want == "") {
			t.Errorf("%s, %s: got %v and %q, want %q", c.host, c.family, found, problem, c.want)
		}
		if got := strings.Join(s.questions(), " "); got != c.asked {
			t.Errorf("%s, %s: asked %q, want %q", c.host, c.family, got, c.asked)
		}
	}
}
