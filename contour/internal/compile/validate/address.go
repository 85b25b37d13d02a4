package validate

import "net/netip"

// mappedBits is the number of bits before the IPv4 address in an IPv4-mapped IPv6 address.
const mappedBits = 96

// AddressRange converts an IP address or a range in CIDR notation; an address is a range of one. Envoy compares the IPv4
// address of IPv4 clients on every socket, so IPv4-mapped IPv6 addresses are converted to IPv4.
func AddressRange(s string) (netip.Prefix, Problem) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), ""
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, "is not an IP address or a CIDR range, such as 10.0.0.0/8"
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= mappedBits {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-mappedBits)
	}
	return p.Masked(), ""
}
