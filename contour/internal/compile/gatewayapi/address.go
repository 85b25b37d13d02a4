package gatewayapi

import (
	"cmp"
	"hash/fnv"
	"math/big"
	"net/netip"
	"slices"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// claim is what a Gateway asks for.
type claim struct {
	served   bool
	created  time.Time
	static   []string     // values of addresses
	assign   bool         // an address is to be chosen
	recorded []netip.Addr // in its status
}

// Assignment is the addresses of a Gateway.
type Assignment struct {
	Usable   []netip.Addr
	Unusable []string // static ones that are outside of the ranges, or of another Gateway
}

// deriveClaim returns the claim of a Gateway; it does not serve one with an address of a type that is not supported.
func (x *Compiler) deriveClaim(r *memo.Reader, n kobj.Name) claim {
	g, ok := x.env.Store.Gateways.Get(r, n)
	if !ok || !x.serves(r, g) || unsupportedAddress(g) >= 0 {
		return claim{}
	}
	c := claim{served: true, created: g.CreationTimestamp.UTC(), assign: len(g.Spec.Addresses) == 0}
	for _, a := range g.Spec.Addresses {
		if a.Value == "" {
			c.assign = true
		} else if !slices.Contains(c.static, a.Value) {
			c.static = append(c.static, a.Value)
		}
	}
	for _, a := range g.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Value); err == nil {
			c.recorded = append(c.recorded, ip)
		}
	}
	return c
}

// unsupportedAddress returns the index of the first address of a type other than IPAddress, -1 if there is none.
func unsupportedAddress(g *gatewayv1.Gateway) int {
	return slices.IndexFunc(g.Spec.Addresses, func(a gatewayv1.GatewaySpecAddress) bool {
		return a.Type != nil && *a.Type != gatewayv1.IPAddressType
	})
}

// AssignAddresses assigns addresses to Gateways, and reports whether one changed. It is called between runs of the engine, until it
// returns false. It does nothing unless claims or ranges have changed.
//
// Every replica comes to the same result: Gateways keep the addresses that their statuses record, then static addresses are
// assigned to the oldest that claim them, then the others get one each, where a hash of their names leads.
func (x *Compiler) AssignAddresses() bool {
	ranges := x.env.Store.Settings.Gateways.Peek().Addresses
	if len(x.claims.Changes()) == 0 && slices.Equal(ranges, x.ranges) {
		return false
	}
	x.ranges = ranges
	p := pool{ranges: ranges, owner: map[netip.Addr]kobj.Name{}}
	var all []kobj.Name
	claims := map[kobj.Name]claim{}
	x.claims.Keys(func(n kobj.Name) bool {
		if c, ok := x.claims.Peek(n); ok && c.served {
			claims[n], all = c, append(all, n)
		}
		return true
	})
	slices.SortFunc(all, func(a, b kobj.Name) int { return cmp.Or(claims[a].created.Compare(claims[b].created), a.Compare(b)) })
	next := p.assign(all, claims)
	changed := false
	var gone []kobj.Name
	x.assigned.Each(func(n kobj.Name, _ Assignment) bool {
		if _, ok := next[n]; !ok {
			gone = append(gone, n)
		}
		return true
	})
	for _, n := range gone {
		changed = x.assigned.Delete(n) || changed
	}
	for _, n := range all {
		changed = x.assigned.Set(n, next[n]) || changed
	}
	return changed
}

// pool is the addresses of Gateways.
type pool struct {
	ranges []netip.Prefix
	owner  map[netip.Addr]kobj.Name
}

// assign returns the addresses of Gateways, which are in the order of their age.
func (p pool) assign(all []kobj.Name, claims map[kobj.Name]claim) map[kobj.Name]Assignment {
	out := map[kobj.Name]Assignment{}
	for _, n := range all {
		c := claims[n]
		for _, a := range c.recorded {
			if p.has(a) && (c.assign || slices.Contains(c.static, a.String())) {
				p.take(a, n)
			}
		}
	}
	for _, n := range all {
		var as Assignment
		for _, value := range claims[n].static {
			if a, err := netip.ParseAddr(value); err == nil && p.has(a) && p.take(a, n) {
				as.Usable = append(as.Usable, a)
			} else {
				as.Unusable = append(as.Unusable, value)
			}
		}
		out[n] = as
	}
	for _, n := range all {
		if as := out[n]; claims[n].assign {
			if a, ok := p.choose(n, claims[n].recorded, as.Usable); ok {
				as.Usable = append(as.Usable, a)
			}
			out[n] = as
		}
	}
	return out
}

func (p pool) has(a netip.Addr) bool {
	return slices.ContainsFunc(p.ranges, func(r netip.Prefix) bool { return r.Contains(a) })
}

// take makes a Gateway the owner of an address, and reports whether it is.
func (p pool) take(a netip.Addr, n kobj.Name) bool {
	if owner, taken := p.owner[a]; taken {
		return owner == n
	}
	p.owner[a] = n
	return true
}

// choose returns an address for a Gateway: one that it has, else the first one that is free from where a hash of its name leads.
func (p pool) choose(n kobj.Name, recorded, static []netip.Addr) (netip.Addr, bool) {
	for _, a := range recorded {
		if p.has(a) && !slices.Contains(static, a) && p.take(a, n) {
			return a, true
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(n.String())) // never fails
	for _, r := range p.ranges {
		size := uint64(1) << min(r.Addr().BitLen()-r.Bits(), 16)
		for i := range size {
			a := offset(r.Addr(), (h.Sum64()+i)%size)
			if _, taken := p.owner[a]; !taken {
				p.owner[a] = n
				return a, true
			}
		}
	}
	return netip.Addr{}, false
}

// offset returns the address that is n after a.
func offset(a netip.Addr, n uint64) netip.Addr {
	sum := new(big.Int).Add(new(big.Int).SetBytes(a.AsSlice()), new(big.Int).SetUint64(n))
	out, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, len(a.AsSlice()))))
	return out
}
