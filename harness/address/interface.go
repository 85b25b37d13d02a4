package address

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
)

// addToLoopback makes every address of the prefix local, as 127.0.0.0/8 is. A
// run that was killed may have left it there; that is not an error.
func addToLoopback(prefix netip.Prefix) (remove func() error, err error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("loopback interface: %w", err)
	}
	ip := prefix.Addr().Next()
	addr := &netlink.Addr{
		IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 32)},
		Scope: syscall.RT_SCOPE_HOST,
	}
	if err := netlink.AddrAdd(lo, addr); err != nil && !errors.Is(err, syscall.EEXIST) {
		return nil, fmt.Errorf("add %s to the loopback interface: %w", prefix, err)
	}
	return func() error {
		if err := netlink.AddrDel(lo, addr); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return fmt.Errorf("remove %s from the loopback interface: %w", prefix, err)
		}
		return nil
	}, nil
}

// own is an address of this machine that is neither loopback nor link-local.
func own() (netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("addresses of this machine: %w", err)
	}
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if ip := prefix.Addr(); ip.Is4() && ip.IsGlobalUnicast() {
			return ip, nil
		}
	}
	return netip.Addr{}, errors.New("this machine has only loopback and link-local addresses, which the API server " +
		"rejects in EndpointSlices: run as root, or in a network namespace (unshare -rn) with the loopback interface up")
}
