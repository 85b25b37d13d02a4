package gatewayapi

import (
	"cmp"
	"hash/fnv"
	"math/big"
	"net/netip"
	"slices"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// claim is what a Gateway asks for.
type claim struct {
	served   bool
	created  time.Time
	static   []staticAddress // each address once
	assign   bool            // an address is to be chosen
	recorded []netip.Addr    // in its status
}

// staticAddress is a value of an address, and what it stands for; the zero address if it is none.
type staticAddress struct {
	value string
	ip    netip.Addr
}

// Assignment is the addresses of a Gateway.
type Assignment struct {
	Usable   []netip.Addr
	Unusable []string // static ones that are outside of the ranges, or of another Gateway
	// Hostnames are those of load balancers, of a Gateway with a fleet of its own.
	Hostnames []string
}

func (a *Assignment) none() bool { return len(a.Usable)+len(a.Hostnames) == 0 }

// deriveClaim returns the claim of a Gateway; it does not serve one with an address of a type that is not supported.
func (x *Compiler) deriveClaim(r *memo.Reader, n kobj.Name) claim {
	g, ok := x.env.Store.Gateways.Get(r, n)
	if !ok || !x.serves(r, g) || unsupportedAddress(g) >= 0 || x.placeOf(r, n).fleet != ir.DefaultFleet {
		return claim{}
	}
	c := claim{served: true, created: g.CreationTimestamp.UTC()}
	c.static, c.assign = requested(g)
	for _, a := range g.Status.Addresses {
		if ip := parseAddress(a.Value); ip.IsValid() {
			c.recorded = append(c.recorded, ip)
		}
	}
	return c
}

// requested returns the static addresses of a Gateway, and whether one is to be chosen.
func requested(g *gatewayv1.Gateway) (static []staticAddress, assign bool) {
	assign = len(g.Spec.Addresses) == 0
	for _, a := range g.Spec.Addresses {
		of := staticAddress{a.Value, parseAddress(a.Value)}
		if a.Value == "" {
			assign = true
		} else if !slices.ContainsFunc(static, func(o staticAddress) bool { return o == of || o.ip.IsValid() && o.ip == of.ip }) {
			static = append(static, of)
		}
	}
	return static, assign
}

// parseAddress returns the address that a text stands for, the same one for all texts for it; the zero address if it is none.
func parseAddress(text string) netip.Addr {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}

// unsupportedAddress returns the index of the first address of a type other than IPAddress, -1 if there is none.
func unsupportedAddress(g *gatewayv1.Gateway) int {
	return slices.IndexFunc(g.Spec.Addresses, func(a gatewayv1.GatewaySpecAddress) bool {
		return a.Type != nil && *a.Type != gatewayv1.IPAddressType
	})
}

// AssignAddresses assigns addresses to Gateways, and reports whether one changed. It is called between runs of the engine, until it
// returns false. It looks at the claims that changed, and, if one gives an address back, at those that wait; at all of them if the
// ranges or the budget have changed.
//
// Gateways keep the addresses that their statuses record, else those that they have; then static addresses are assigned to the
// oldest that claim them, then the others get one each, where a hash of their names leads. So replicas that start with the same
// objects, or learn the statuses, come to the same result.
func (x *Compiler) AssignAddresses() bool {
	ranges, most := x.env.Store.Settings.Gateways.Peek().Addresses, x.env.Store.Settings.Budgets.Peek().Addresses
	changes := x.claims.Changes()
	touched := map[kobj.Name]bool{}
	if x.pool == nil || !slices.Equal(ranges, x.pool.ranges) || most != x.pool.most {
		former := x.pool
		x.pool = newPool(ranges, most)
		if former != nil {
			for n, h := range former.of {
				x.pool.of[n], touched[n] = h, true
			}
		}
	}
	for _, ch := range changes {
		h := x.pool.of[ch.Key]
		if h == nil {
			h = &holding{}
			x.pool.of[ch.Key] = h
		}
		x.pool.forget(ch.Key)
		if h.claim = (claim{}); ch.New != nil {
			h.claim = *ch.New
		}
		touched[ch.Key] = true
	}
	changed := false
	for n := range x.pool.assign(touched) {
		if h := x.pool.of[n]; h.claim.served {
			changed = x.assigned.Set(n, h.assignment) || changed
		} else {
			delete(x.pool.of, n)
			changed = x.assigned.Delete(n) || changed
		}
	}
	return changed
}

// pool is the addresses of Gateways.
type pool struct {
	ranges []netip.Prefix
	most   int // addresses of a namespace; 0: any number
	owner  map[netip.Addr]kobj.Name
	of     map[kobj.Name]*holding
	full   []bool // ranges in which no address is free
	count  map[string]int
	// wanted is the Gateways with a static claim to an address that another one has.
	wanted map[netip.Addr]map[kobj.Name]bool
	// waiting is the Gateways that have fewer addresses than they ask for because none is free, or their namespace has too many.
	waiting map[kobj.Name]bool
}

// holding is the claim of a Gateway, and what it has.
type holding struct {
	claim      claim
	assignment Assignment
}

func newPool(ranges []netip.Prefix, most int) *pool {
	return &pool{
		ranges: ranges, most: most, owner: map[netip.Addr]kobj.Name{}, of: map[kobj.Name]*holding{}, full: make([]bool, len(ranges)),
		count: map[string]int{}, wanted: map[netip.Addr]map[kobj.Name]bool{}, waiting: map[kobj.Name]bool{},
	}
}

// assign assigns addresses to the Gateways again, and to those that wait for what these give back. It returns all of them.
func (p *pool) assign(touched map[kobj.Name]bool) map[kobj.Name]bool {
	all := map[kobj.Name]bool{}
	for len(touched) > 0 {
		order := make([]kobj.Name, 0, len(touched))
		for n := range touched {
			order, all[n] = append(order, n), true
		}
		slices.SortFunc(order, p.compareAge)
		touched = p.successors(p.round(order), all)
	}
	return all
}

func (p *pool) compareAge(a, b kobj.Name) int {
	return cmp.Or(p.of[a].claim.created.Compare(p.of[b].claim.created), a.Compare(b))
}

// round assigns addresses to Gateways, which are in the order of their age, and returns the addresses that they have no more, by the
// namespace that had them.
func (p *pool) round(order []kobj.Name) map[netip.Addr]string {
	before := p.takeFormer(order)
	usable := map[kobj.Name][]netip.Addr{}
	for _, n := range order {
		usable[n] = p.takeStatic(n)
	}
	for _, n := range order {
		h := p.of[n]
		if h.claim.assign {
			if a, ok := p.choose(n, slices.Concat(h.claim.recorded, h.assignment.Usable), usable[n]); ok {
				usable[n] = append(usable[n], a)
			} else {
				p.waiting[n] = true
			}
		}
	}
	for _, n := range order {
		p.of[n].assignment.Usable = usable[n]
	}
	for a := range before {
		n, owned := p.owner[a]
		if owned && slices.Contains(p.of[n].assignment.Usable, a) {
			delete(before, a)
		} else if owned {
			p.give(a)
		}
	}
	return before
}

// takeFormer gives back what the Gateways have, and lets each take again what it had and may still have, before any takes anything
// else. It returns the addresses of both, by namespace.
func (p *pool) takeFormer(order []kobj.Name) map[netip.Addr]string {
	before := map[netip.Addr]string{}
	for _, n := range order {
		p.forget(n)
		for _, a := range p.of[n].assignment.Usable {
			if p.owner[a] == n {
				before[a] = n.Namespace
				p.give(a)
			}
		}
	}
	for _, n := range order {
		h := p.of[n]
		assign := h.claim.assign
		for _, a := range slices.Concat(h.claim.recorded, h.assignment.Usable) {
			if static := h.claim.claims(a); (static || assign) && p.take(a, n) {
				assign = assign && static
				before[a] = n.Namespace
			}
		}
	}
	return before
}

// claims reports whether an address is one of the static ones.
func (c *claim) claims(a netip.Addr) bool {
	return slices.ContainsFunc(c.static, func(s staticAddress) bool { return s.ip == a })
}

// takeStatic takes the static addresses of a Gateway that are free or its own, and returns them.
func (p *pool) takeStatic(n kobj.Name) (usable []netip.Addr) {
	h := p.of[n]
	h.assignment.Unusable = nil
	for _, s := range h.claim.static {
		switch {
		case s.ip.IsValid() && p.take(s.ip, n):
			usable = append(usable, s.ip)
			continue
		case !p.has(s.ip):
		case p.owner[s.ip] != (kobj.Name{}):
			if p.wanted[s.ip] == nil {
				p.wanted[s.ip] = map[kobj.Name]bool{}
			}
			p.wanted[s.ip][n] = true
		default:
			p.waiting[n] = true
		}
		h.assignment.Unusable = append(h.assignment.Unusable, s.value)
	}
	return usable
}

// forget removes a Gateway from those that want or wait for something.
func (p *pool) forget(n kobj.Name) {
	delete(p.waiting, n)
	for _, s := range p.of[n].claim.static {
		p.forgetWanted(s.ip, n)
	}
}

func (p *pool) forgetWanted(a netip.Addr, n kobj.Name) {
	if delete(p.wanted[a], n); len(p.wanted[a]) == 0 {
		delete(p.wanted, a)
	}
}

// successors returns the Gateways to which addresses that were given back, by namespace, are assigned next: of those that claim one of
// them the oldest, and the oldest ones that wait, of all namespaces and of that which gave it back. Those that are done, or whose namespace
// has as many addresses as it may, are left out. Its work is the number of Gateways that wait, for each address.
func (p *pool) successors(freed map[netip.Addr]string, done map[kobj.Name]bool) map[kobj.Name]bool {
	next := map[kobj.Name]bool{}
	oldest := func(among map[kobj.Name]bool, namespace string) {
		var found *kobj.Name
		for n := range among {
			switch {
			case next[n] || done[n] || namespace != "" && n.Namespace != namespace || p.exhausted(n.Namespace):
			case p.of[n] == nil || !p.of[n].claim.served:
				delete(among, n)
			case found == nil || p.compareAge(n, *found) < 0:
				found = &n
			}
		}
		if found != nil {
			next[*found] = true
		}
	}
	for a, namespace := range freed {
		oldest(p.wanted[a], "")
		oldest(p.waiting, "")
		oldest(p.waiting, namespace)
	}
	return next
}

// exhausted reports whether a namespace has as many addresses as it may.
func (p *pool) exhausted(namespace string) bool { return p.most > 0 && p.count[namespace] >= p.most }

func (p *pool) has(a netip.Addr) bool {
	return slices.ContainsFunc(p.ranges, func(r netip.Prefix) bool { return r.Contains(a) })
}

// take makes a Gateway the owner of an address, and reports whether it is.
func (p *pool) take(a netip.Addr, n kobj.Name) bool {
	if owner, taken := p.owner[a]; taken {
		return owner == n
	}
	if !p.has(a) || p.exhausted(n.Namespace) {
		return false
	}
	p.owner[a] = n
	p.count[n.Namespace]++
	return true
}

// give gives an address back.
func (p *pool) give(a netip.Addr) {
	namespace := p.owner[a].Namespace
	if p.count[namespace]--; p.count[namespace] == 0 {
		delete(p.count, namespace)
	}
	delete(p.owner, a)
	for i, r := range p.ranges {
		p.full[i] = p.full[i] && !r.Contains(a)
	}
}

// choose returns an address for a Gateway: one that it has or had, else the first one that is free from where a hash of its name leads.
func (p *pool) choose(n kobj.Name, had, static []netip.Addr) (netip.Addr, bool) {
	for _, a := range had {
		if !slices.Contains(static, a) && p.take(a, n) {
			return a, true
		}
	}
	if p.exhausted(n.Namespace) {
		return netip.Addr{}, false
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(n.String())) // never fails
	for i, r := range p.ranges {
		size := uint64(1) << min(r.Addr().BitLen()-r.Bits(), 16)
		for j := uint64(0); j < size && !p.full[i]; j++ {
			a := offset(r.Addr(), (h.Sum64()+j)%size)
			if _, taken := p.owner[a]; !taken && p.take(a, n) {
				return a, true
			}
		}
		p.full[i] = true
	}
	return netip.Addr{}, false
}

// offset returns the address that is n after a.
func offset(a netip.Addr, n uint64) netip.Addr {
	sum := new(big.Int).Add(new(big.Int).SetBytes(a.AsSlice()), new(big.Int).SetUint64(n))
	out, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, len(a.AsSlice()))))
	return out
}
