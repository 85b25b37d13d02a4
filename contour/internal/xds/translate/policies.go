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
		if f.carried(p.carrier) || f.refer != nil {
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
	if f.forwarding && !forwardsRequests(p.host) {
		return false
	}
	if f.used != nil {
		return f.used(p.host)
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

// level is a virtual host, a route or a backend, and what it configures.
type level struct {
	carrier carrier
	host    *ir.Policies // of the virtual host; may be nil
	own     *ir.Policies // of the level itself; may be nil
	of      ir.Policies  // that apply: of a route, with those of the virtual host
	route   *ir.Route    // nil at a virtual host and at a backend
}

// part is what a level has of a filter; zero: nothing.
type part struct {
	run      message // a filter that the carrier runs
	idle     bool    // the slot runs no filter, where that of the virtual host would
	settings message // what a filter on the listener, or in the chain, finds under its name
}

// atHost returns the per-filter configuration of the virtual host, nil if there is none.
func (p *hostPolicies) atHost(e *encoder) map[string]*anypb.Any {
	if p == nil || p.host.Policies == nil {
		return nil
	}
	own := p.host.Policies
	return p.configure(e, level{carrier: p.carrier, host: own, own: own, of: *own})
}

// atRoute returns the per-filter configuration of a route, nil if there is none.
func (p *hostPolicies) atRoute(e *encoder, r *ir.Route) map[string]*anypb.Any {
	if p == nil {
		return nil
	}
	return p.configure(e, level{
		carrier: p.carrier, host: p.host.Policies, own: r.Policies, of: r.Policies.WithDefaults(p.host.Policies), route: r,
	})
}

// atBackend returns the per-filter configuration of a backend of a route, which Envoy prefers to that of the route; nil if there
// is none.
func (p *hostPolicies) atBackend(e *encoder, b *ir.Backend) map[string]*anypb.Any {
	if p == nil || b.Cookies == nil {
		return nil
	}
	own := ofBackend(b)
	return p.configure(e, level{carrier: p.carrier, own: &own, of: own})
}

// configure returns the configuration of the filters at the level.
func (p *hostPolicies) configure(e *encoder, l level) map[string]*anypb.Any {
	var added []policyFilter
	out := map[string]*anypb.Any{}
	after := false // a filter of the route itself
	for i := range p.filters {
		f := &p.filters[i]
		has := f.partOf(e, l, after)
		after = after || l.route != nil && has.run != nil
		runs := policyFilter{name: f.name, slot: p.slots[f.name]}
		if has.run != nil {
			runs.config = e.pack(has.run)
		}
		if has.run != nil || has.idle {
			added = append(added, runs)
		}
		if has.settings != nil {
			out[f.name] = e.pack(has.settings)
		}
	}
	l.carrier.add(e, added, out)
	if len(out) == 0 {
		return nil
	}
	return out
}

// partOf returns what the level has of the filter. after: it has a filter of its own before this one.
func (f *filter) partOf(e *encoder, l level, after bool) part {
	if f.refer != nil {
		return f.refer(e, l)
	}
	own, carried := l.own != nil && f.has(*l.own), f.carried(l.carrier)
	switch repeats := after && carried && !f.shared; {
	case !own && !repeats, !f.has(l.of):
		return part{}
	case carried:
		return part{run: f.policy(e, l.of)}
	}
	return part{settings: f.policy(e, l.of)}
}

// filtered reports whether routes configure filters of the listener.
func (p *hostPolicies) filtered() bool { return p != nil && len(p.filters) > 0 }

// inChain reports whether policies configure filters that run in a chain, which is that of the first route that Envoy finds.
func (p *hostPolicies) inChain() bool {
	return p != nil && p.carrier == carrierChain && slices.ContainsFunc(p.filters, func(f filter) bool { return f.carried(carrierChain) })
}

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
// hosts: 9 to 12 ms without, 12 to 21 ms with one RBAC or limit filter, 25 ms and 40 to 48 ms with four). A heavy host is in
// the table in name only.
func weight(v *ir.VirtualHost) int {
	if heavy(v) {
		return 1
	}
	w := 1 + routesCost(v)*heaviest/(heaviestShared+1)
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
	if p.GlobalRateLimit != nil {
		n++
	}
	if p.Session != nil {
		n++
	}
	if p.Authorization != nil && p.Authorization.Service != nil {
		n += 4 // 47 to 53 ms
	}
	return n
}
