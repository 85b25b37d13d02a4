package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"contour.example/contour/internal/endpoint"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/source/fair"
)

// failure is why a name has no addresses, as the end of a sentence; "" if it has.
type failure string

// The failures.
const (
	notFound     failure = "does not exist or has no addresses"
	notPermitted failure = "has no address that is permitted"
	noAnswer     failure = "is not resolved, because no DNS server has answered in time"
	serverFailed failure = "is not resolved, because the DNS server has failed"
	overLimit    failure = "is not resolved, because the names of ExternalName Services exceed their limit"
)

// name is the name of the outcome in metrics.
func (f failure) name() string {
	return map[failure]string{
		"": "success", notFound: "not-found", notPermitted: "not-permitted", noAnswer: "timeout", serverFailed: "server-failure", overLimit: "limit",
	}[f]
}

// definite reports whether a name certainly has no addresses to use.
func (f failure) definite() bool { return f == notFound || f == notPermitted }

// attempt is the outcome as one of attempts.
func (f failure) attempt() fair.Outcome {
	if f == noAnswer {
		return fair.TimedOut
	}
	if f != "" {
		return fair.Failed
	}
	return fair.Answered
}

// resolve returns the permitted addresses of a host, in order.
func (x *Resolver) resolve(ctx context.Context, host string) ([]netip.Addr, failure) {
	rules := x.options.Rules()
	var found []netip.Addr
	if ip, err := netip.ParseAddr(host); err == nil {
		found = []netip.Addr{ip}
	} else {
		all, err := x.options.Lookup(ctx, host, rules.Family)
		if err != nil {
			return nil, classify(err)
		}
		found = inFamily(all, rules.Family)
	}
	if len(found) == 0 {
		return nil, notFound
	}
	found = slices.DeleteFunc(found, func(ip netip.Addr) bool { return !endpoint.Permitted(ip, rules.Endpoints) })
	if len(found) == 0 {
		return nil, notPermitted
	}
	slices.SortFunc(found, netip.Addr.Compare)
	found = slices.Compact(found)
	return slices.Clip(found[:min(len(found), x.options.Limits.Addresses)]), ""
}

// inFamily returns the addresses of a family, with IPv4 addresses in their own form. Auto is IPv6 if there are any, else IPv4, as in Envoy.
func inFamily(found []netip.Addr, f ir.AddressFamily) []netip.Addr {
	found = slices.Clone(found)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	without := func(other func(netip.Addr) bool) []netip.Addr { return slices.DeleteFunc(slices.Clone(found), other) }
	switch f {
	case ir.AddressesAll:
		return found
	case ir.AddressesV4:
		return without(netip.Addr.Is6)
	case ir.AddressesV6:
		return without(netip.Addr.Is4)
	case ir.AddressesAuto:
	}
	if v6 := without(netip.Addr.Is4); len(v6) > 0 {
		return v6
	}
	return found
}

// classify returns the failure of an error.
func classify(err error) failure {
	var lookup *net.DNSError
	switch {
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return notFound
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &lookup) && lookup.IsTimeout:
		return noAnswer
	}
	return serverFailed
}

// system asks the DNS servers of the system.
type system struct {
	resolver *net.Resolver
	hasIPv6  func() bool
}

// newSystem returns the DNS servers of the system. The resolver of the C library would hold a thread for each name that does
// not answer.
func newSystem() system {
	return system{resolver: &net.Resolver{PreferGo: true}, hasIPv6: hasIPv6}
}

// lookup returns the addresses of a name. An externalName is the target of a CNAME record, so it is complete: no search domain is
// appended, which would be a lookup for each of them.
// Names of this machine are not asked for (RFC 6761).
func (x system) lookup(ctx context.Context, host string, family ir.AddressFamily) ([]netip.Addr, error) {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		if family == ir.AddressesV6 {
			return []netip.Addr{netip.IPv6Loopback()}, nil
		}
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	network := "ip"
	switch {
	case family == ir.AddressesV4, family == ir.AddressesAuto && !x.hasIPv6():
		network = "ip4"
	case family == ir.AddressesV6:
		network = "ip6"
	}
	return x.resolver.LookupNetIP(ctx, network, host+".")
}

// hasIPv6 reports whether this machine has an IPv6 address with which it reaches others.
func hasIPv6() bool {
	addresses, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addresses, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Is6() && !prefix.Addr().IsLoopback() && !prefix.Addr().IsLinkLocalUnicast()
	})
}
