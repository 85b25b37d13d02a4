package compile

import (
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
)

// hostPolicies is the contributions that have policies, of those admitted to a host, by where they apply.
type hostPolicies struct {
	onListener  int // the first one that is on the listener of the host; the number of contributions if there is none
	inNamespace map[string]int
	admitted    []*contrib.Contribution // in order of precedence
}

func policiesOf(k ir.HostKey, admitted []*contrib.Contribution) hostPolicies {
	p := hostPolicies{onListener: len(admitted), inNamespace: map[string]int{}, admitted: admitted}
	for i, c := range admitted {
		if c.Policies == nil {
			continue
		}
		if c.Key == k && p.onListener == len(admitted) {
			p.onListener = i
		}
		if _, known := p.inNamespace[c.Object.Namespace]; !known {
			p.inNamespace[c.Object.Namespace] = i
		}
	}
	return p
}

// of returns the policies that apply to the routes of c: those of the first of the admitted contributions, in order of
// precedence, that has any, and that is on the same listener or of the same namespace as c. So an object on another listener
// does not change what the routes of other namespaces answer here, and objects of other namespaces do not change what
// protects its own; nil: none.
func (p *hostPolicies) of(c *contrib.Contribution) *ir.Policies {
	first := p.onListener
	if i, ok := p.inNamespace[c.Object.Namespace]; ok {
		first = min(first, i)
	}
	if first == len(p.admitted) {
		return nil
	}
	return p.admitted[first].Policies
}

// addPolicies adds the policies of the contributions that are served: to the host if they are the same for all, otherwise
// to the routes. Routes that share a rate limit share its count, so the limit stays on the host.
func (m *merger) addPolicies(admitted []*contrib.Contribution) {
	policies := policiesOf(m.key, admitted)
	all := make([]*ir.Policies, len(m.served))
	for i, c := range m.served {
		all[i] = policies.of(c)
	}
	if len(all) == 0 {
		return
	}
	for i, c := range m.served {
		m.served[i] = withOpenChallenges(c, all[i])
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
