package issuer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"contour.example/contour/internal/endpoint"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
)

// maxAddresses bounds the addresses of a name that are tried.
const maxAddresses = 8

var errRefused = errors.New("no address is permitted")

// dialer connects to addresses that are permitted. It resolves names itself, so that the address that was checked is the
// one that it connects to.
type dialer struct {
	rules  ir.EndpointSettings
	family jwks.Family
}

func (d dialer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	addresses, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	addresses = slices.DeleteFunc(addresses, func(ip netip.Addr) bool { return !permitted(ip, d.rules) })
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%w of host %q", errRefused, host)
	}
	var errs []error
	for _, ip := range addresses[:min(len(addresses), maxAddresses)] {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port))
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// resolve returns the addresses of a host: of a name in the family of the request, or the host itself.
func (d dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	network := map[jwks.Family]string{jwks.FamilyAuto: "ip", jwks.FamilyV4: "ip4", jwks.FamilyV6: "ip6"}[d.family]
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return nil, fmt.Errorf("resolve: %w", err)
	}
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	return addresses, nil
}

// permitted reports whether the fetcher may connect to an address: to those that endpoints may have, except the metadata
// services of clouds. An IPv6 address that stands for an IPv4 address (NAT64, 6to4) is permitted if both are.
func permitted(ip netip.Addr, rules ir.EndpointSettings) bool {
	if !endpoint.Permitted(ip, rules) || slices.Contains(metadata(), ip) {
		return false
	}
	inner, ok := embedded(ip)
	return !ok || permitted(inner, rules)
}

// metadata returns the addresses of metadata services outside of 169.254.0.0/16, which endpoint refuses: of Alibaba Cloud,
// Oracle Cloud, Azure and AWS.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom4([4]byte{100, 100, 100, 200}), netip.AddrFrom4([4]byte{192, 0, 0, 192}),
		netip.AddrFrom4([4]byte{168, 63, 129, 16}), netip.MustParseAddr("fd00:ec2::254"),
	}
}

// embedded returns the IPv4 address for which an IPv6 address stands.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return netip.Addr{}, false
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip), netip.MustParsePrefix("64:ff9b:1::/48").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
