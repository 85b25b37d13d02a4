package address

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

func claims(t *testing.T) *Claims {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestPortsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 2 { // two users
		c := claims(t)
		for range 50 {
			port, err := c.Port()
			if err != nil {
				t.Fatal(err)
			}
			if seen[port] {
				t.Fatalf("port %d was allocated twice", port)
			}
			seen[port] = true
		}
	}
}

func TestBackendAddressesCanBeUsed(t *testing.T) {
	t.Parallel()
	c := claims(t)
	var last netip.Addr
	for range 3 {
		ip, err := c.IP()
		if err != nil {
			t.Fatal(err)
		}
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			t.Errorf("%s is rejected by the API server", ip)
		}
		if os.Geteuid() == 0 && ip == last {
			t.Errorf("%s was allocated twice", ip)
		}
		last = ip
		serveOn(t, ip)
	}
}

func TestSubnetsDiffer(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if _, err := own(); err != nil {
			t.Error(err)
		}
		return
	}
	first, err := claims(t).IP()
	if err != nil {
		t.Fatal(err)
	}
	second, err := claims(t).IP()
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Errorf("two users got %s", first)
	}
}

func TestCloseRemovesAddresses(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // nothing was added
	}
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ip, err := c.IP()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Contains(ip) {
			t.Errorf("%s is still there", prefix)
		}
	}
}

func serveOn(t *testing.T, ip netip.Addr) {
	t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(ip, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
