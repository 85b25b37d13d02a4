package validate

import "net/netip"

// mappedBits is how many bits stand before the IPv4 address in the IPv6 form of it.
const mappedBits = 96

// AddressRange reads an IP address, which stands for itself, or a range of them in CIDR notation. Envoy sees clients that
// use IPv4 by their IPv4 address on every socket, so the IPv6 form of IPv4 addresses is taken for these.
func AddressRange(s string) (netip.Prefix, Problem) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), ""
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, "is neither an IP address nor a range of them"
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= mappedBits {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-mappedBits)
	}
	return p.Masked(), ""
}
