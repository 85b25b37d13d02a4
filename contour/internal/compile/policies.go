package compile

import (
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
)

// policiesFor returns the policies that apply to the routes of c on the host k: those of the first of the admitted
// contributions, in order of precedence, that has any, and that is on the same listener or of the same namespace as c. So
// an object on another listener does not change what the routes of other namespaces answer here, and objects of other
// namespaces do not change what protects its own; nil: none.
func policiesFor(k ir.HostKey, c *contrib.Contribution, admitted []*contrib.Contribution) *ir.Policies {
	for _, o := range admitted {
		if o.Policies != nil && (o.Key == k || o.Object.Namespace == c.Object.Namespace) {
			return o.Policies
		}
	}
	return nil
}

// addPolicies adds the policies of the contributions that are served: to the host if they are the same for all, otherwise
// to the routes. Routes that share a rate limit share its count, so the limit stays on the host.
func (m *merger) addPolicies(admitted []*contrib.Contribution) {
	all := make([]*ir.Policies, len(m.served))
	for i, c := range m.served {
		all[i] = policiesFor(m.key, c, admitted)
	}
	if len(all) == 0 {
		return
	}
	if !slices.ContainsFunc(all, func(p *ir.Policies) bool { return p != all[0] }) {
		m.host.Policies = all[0]
		return
	}
	limit := firstLimit(all)
	if limit != nil {
		m.host.Policies = &ir.Policies{LocalRateLimit: limit}
	}
	for i, c := range m.served {
		m.served[i] = withPolicies(c, besideLimit(all[i], limit))
	}
}

// firstLimit returns the first rate limit that can be built; nil: none.
func firstLimit(all []*ir.Policies) *ir.LocalRateLimit {
	for _, p := range all {
		if p.RateLimited() && !p.LocalRateLimit.Invalid {
			return p.LocalRateLimit
		}
	}
	return nil
}

// besideLimit returns what the routes with the policies p need on a host with that limit, which may be nil: p without
// the limit, or the exemption from a limit that p does not have.
func besideLimit(p *ir.Policies, limit *ir.LocalRateLimit) ir.Policies {
	out := p.WithDefaults(nil)
	switch {
	case out.LocalRateLimit == nil && limit != nil:
		out.LocalRateLimit = &ir.LocalRateLimit{Unlimited: true}
	case out.LocalRateLimit == limit:
		out.LocalRateLimit = nil
	}
	return out
}

// withPolicies returns the contribution with routes that have these policies where they have none of their own.
func withPolicies(c *contrib.Contribution, policies ir.Policies) *contrib.Contribution {
	if policies == (ir.Policies{}) {
		return c
	}
	out := *c
	out.Routes = slices.Clone(c.Routes)
	for i := range out.Routes {
		merged := out.Routes[i].Policies.WithDefaults(&policies)
		out.Routes[i].Policies = &merged
	}
	return &out
}
