package translate

import (
	"slices"

	"google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/ir"
)

// hostPolicies is the per-filter configuration of the policies of a virtual host and its routes: at the host for all
// routes, at a route for its own policies. Of two configurations of one filter, Envoy uses that of the route. In a chain,
// the filters of the route follow the other filters of the host, so a route repeats those of the host that must follow its
// own, except filters with shared state: repeated, they would lose the state, and their position is less important.
type hostPolicies struct {
	host    *ir.VirtualHost
	carrier carrier
	filters []filter       // those that any policy configures, in order
	slots   map[string]int // by name of the filter
}

// policiesOf returns nil if neither the host nor a route has policies.
func policiesOf(v *ir.VirtualHost) *hostPolicies {
	if !hasPolicies(v) {
		return nil
	}
	p := &hostPolicies{host: v, carrier: carrierOf(v.TLS != nil), slots: map[string]int{}}
	for _, f := range httpFilters() {
		if f.has == nil || !p.uses(&f) {
			continue
		}
		if f.carried() {
			p.slots[f.name] = len(p.slots)
		}
		p.filters = append(p.filters, f)
	}
	return p
}

func hasPolicies(v *ir.VirtualHost) bool {
	return v.Policies != nil || slices.ContainsFunc(v.Routes, func(r ir.Route) bool { return r.Policies != nil || changesCookies(r.Forward) })
}

// uses reports whether the policies of the host or of a route configure the filter.
func (p *hostPolicies) uses(f *filter) bool {
	if f.forwarding && !forwardsRequests(p.host) || f.name == jwtName && !requiresToken(p.host) {
		return false
	}
	if p.host.Policies != nil && f.has(*p.host.Policies) {
		return true
	}
	for i := range p.host.Routes {
		if own := p.host.Routes[i].Policies; own != nil && f.has(*own) {
			return true
		}
	}
	for b := range backends(p.host) {
		if b.Cookies != nil && f.has(ofBackend(b)) {
			return true
		}
	}
	return false
}

// changesCookies reports whether a backend has policies of its own.
func changesCookies(f *ir.Forward) bool {
	return f != nil && slices.ContainsFunc(f.Backends, func(b ir.Backend) bool { return b.Cookies != nil })
}

// ofBackend returns the policies of a backend.
func ofBackend(b *ir.Backend) ir.Policies { return ir.Policies{Cookies: b.Cookies} }

// forwardsRequests reports whether a route of the host forwards requests.
func forwardsRequests(v *ir.VirtualHost) bool {
	for range backends(v) {
		return true
	}
	return false
}

// atHost returns the per-filter configuration of the virtual host, nil if there is none.
func (p *hostPolicies) atHost(e *encoder) map[string]*anypb.Any {
	if p == nil || p.host.Policies == nil {
		return nil
	}
	return p.configure(e, *p.host.Policies, nil, func(*filter) bool { return true })
}

// atRoute returns the per-filter configuration of a route, nil if there is none.
func (p *hostPolicies) atRoute(e *encoder, r *ir.Route) map[string]*anypb.Any {
	if p == nil || r.Policies == nil {
		return nil
	}
	after := false // a filter of the route itself
	return p.configure(e, r.Policies.WithDefaults(p.host.Policies), r, func(f *filter) bool {
		own := f.has(*r.Policies)
		if own && p.selected(f, r) != nil {
			return true
		}
		after = after || own && f.carried()
		return own || after && f.carried() && !f.shared
	})
}

// selected returns what a route selects from a filter that its host has in its chain; nil if it selects nothing.
func (p *hostPolicies) selected(f *filter, r *ir.Route) message {
	if f.inChain == nil || p.carrier != carrierChain || p.host.Policies == nil {
		return nil
	}
	return f.inChain.route(*p.host.Policies, *r.Policies)
}

// atBackend returns the per-filter configuration of a backend of a route, which Envoy prefers to that of the route; nil if there
// is none.
func (p *hostPolicies) atBackend(e *encoder, b *ir.Backend) map[string]*anypb.Any {
	if p == nil || b.Cookies == nil {
		return nil
	}
	return p.configure(e, ofBackend(b), nil, func(*filter) bool { return true })
}

// configure returns the configuration of the wanted filters for the policies, of a route or, if r is nil, of the host or a backend.
func (p *hostPolicies) configure(e *encoder, of ir.Policies, r *ir.Route, wanted func(*filter) bool) map[string]*anypb.Any {
	var added []policyFilter
	out := map[string]*anypb.Any{}
	for i := range p.filters {
		f := &p.filters[i]
		if !f.has(of) || !wanted(f) {
			continue
		}
		var selection message
		config := f.policy
		switch {
		case r != nil:
			selection = p.selected(f, r)
		case f.inChain != nil && p.carrier == carrierChain:
			config = f.inChain.host
		}
		switch {
		case selection != nil:
			out[f.name] = e.pack(selection)
		case f.carried():
			added = append(added, policyFilter{name: f.name, slot: p.slots[f.name], config: e.pack(config(e, of))})
		default:
			out[f.name] = e.pack(config(e, of))
		}
	}
	p.carrier.add(e, added, out)
	if len(out) == 0 {
		return nil
	}
	return out
}

// filtered reports whether routes configure filters of the listener.
func (p *hostPolicies) filtered() bool { return p != nil && len(p.filters) > 0 }

// The functions below determine what hosts may share, for all policies.

// mayShareVirtualHost reports whether one virtual host may serve this host and others with equal routes and policies. A
// policy that counts requests counts only those of its own host.
func mayShareVirtualHost(v *ir.VirtualHost) bool {
	return !v.Policies.RateLimited() && !slices.ContainsFunc(v.Routes, func(r ir.Route) bool { return r.Policies.RateLimited() })
}

// mayShareFilterChain reports whether a filter chain of several hosts may serve the connections for this host. All present
// policies are configured in the route table of the host and permit it; a policy of connections would not.
func mayShareFilterChain(*ir.VirtualHost) bool { return true }

// heaviest is the maximum weight of a host.
const heaviest = 5

// weight returns the cost of a virtual host in Envoy when its route table changes, relative to a host without policies:
// twice with one filter, 2.5 times with four in a chain, and 4 to 5 times with four in slots (measured with tables of 500
// hosts: 9 to 12 ms without, 12 to 21 ms with one RBAC or limit filter, 25 ms and 40 to 48 ms with four).
func weight(v *ir.VirtualHost) int {
	w := 1
	for i := range v.Routes {
		if own := v.Routes[i].Policies; own != nil {
			w += sections(own)
		}
	}
	if v.Policies != nil {
		w += sections(v.Policies)
	}
	return min(w, heaviest)
}

// sections returns the number of policies that configure a filter.
func sections(p *ir.Policies) int {
	n := 0
	if p.IPFilter != nil {
		n++
	}
	if p.LocalRateLimit != nil {
		n++
	}
	if p.JWT != nil {
		n++
	}
	if p.Cookies != nil {
		n++
	}
	return n
}
