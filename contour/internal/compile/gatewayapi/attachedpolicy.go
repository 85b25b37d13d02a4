package gatewayapi

import (
	"cmp"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// attachedPolicies decides which of the policies with a target prevails there, the oldest, and through which Gateways requests reach
// each Service. Both depend on any number of objects, so that no derivation can read it; an edit costs as much as it changes.
type attachedPolicies struct {
	claims   map[targetClaim]int
	by       map[policyTarget][]claimingPolicy // sorted, the one that prevails first
	touched  map[policyTarget]bool
	ways     map[way]int               // the routes that open each
	gateways map[kobj.Name][]kobj.Name // by Service: those of its ways, sorted: those of its namespace precede others
	reached  map[kobj.Name]bool        // Services for which gateways has changed
}

// claimingPolicy is a policy that claims targets.
type claimingPolicy struct {
	name kobj.Name
	age  int64 // when it was created, in Unix time
}

func (c claimingPolicy) compare(o claimingPolicy) int {
	return cmp.Or(cmp.Compare(c.age, o.age), c.name.Compare(o.name))
}

// policyClaim is that of a policy on a target.
type policyClaim struct {
	policy kobj.Name
	target policyTarget
}

// way is a Gateway through which requests reach a Service.
type way struct{ service, gateway kobj.Name }

func newAttachedPolicies() *attachedPolicies {
	return &attachedPolicies{
		claims: map[targetClaim]int{}, by: map[policyTarget][]claimingPolicy{}, touched: map[policyTarget]bool{},
		ways: map[way]int{}, gateways: map[kobj.Name][]kobj.Name{}, reached: map[kobj.Name]bool{},
	}
}

// addPolicies adds the tables of policies.
func (x *Compiler) addPolicies(e *memo.Engine) {
	x.attachedPolicies = newAttachedPolicies()
	x.prevailing = memo.NewInput[policyTarget](e, "gatewayapi/prevailing policies", equal[kobj.Name])
	x.claimed = memo.NewInput[policyClaim](e, "gatewayapi/prevailing claims of policies", equal[struct{}])
	x.ways = memo.NewInput[kobj.Name](e, "gatewayapi/Gateways by Service", equal[[]kobj.Name])
	x.policies = memo.NewTable(e, memo.Options[kobj.Name, *backendPolicy]{
		Name: "gatewayapi/policies", Derive: x.deriveBackendPolicy, Equal: equal[*backendPolicy], OnPanic: keepLastPolicy,
		// A ConfigMap can concern all policies of a namespace.
		DeferBy: func(n kobj.Name) string { return n.Namespace },
	})
	memo.Follow(x.env.Store.BackendTLSPolicies, claimsOf, x.attachedPolicies.claim)
	memo.DemandFrom(x.env.Store.BackendTLSPolicies, x.policies, ownName)
}

// prevails reports whether no other policy precedes that one at a target.
func (x *Compiler) prevails(r *memo.Reader, n kobj.Name, t policyTarget) bool {
	_, ok := x.claimed.Get(r, policyClaim{n, t})
	return ok
}

// waysOf returns the ways that a route opens.
func waysOf(_ kobj.Key, of route) []way {
	var gateways []kobj.Name
	for i := range of.parents {
		p := &of.parents[i]
		if !p.problem.is() && slices.ContainsFunc(p.listeners, func(l routeListener) bool { return !l.opaque }) && !slices.Contains(gateways, p.gateway) {
			gateways = append(gateways, p.gateway)
		}
	}
	out := make([]way, 0, len(gateways)*len(of.services))
	for _, g := range gateways {
		for _, s := range of.services {
			out = append(out, way{s, g})
		}
	}
	return out
}

// count counts a way that a route opens, or one that it closes.
func (a *attachedPolicies) count(w way, more bool) {
	foreign := func(gateway kobj.Name) int {
		if gateway.Namespace == w.service.Namespace {
			return 0
		}
		return 1
	}
	at := func() (int, bool) {
		return slices.BinarySearchFunc(a.gateways[w.service], w.gateway, func(x, y kobj.Name) int { return cmp.Or(foreign(x)-foreign(y), x.Compare(y)) })
	}
	if more {
		if a.ways[w]++; a.ways[w] == 1 {
			i, _ := at()
			a.gateways[w.service] = slices.Insert(a.gateways[w.service], i, w.gateway)
			a.reached[w.service] = true
		}
		return
	}
	if a.ways[w]--; a.ways[w] > 0 {
		return
	}
	delete(a.ways, w)
	a.reached[w.service] = true
	i, _ := at()
	if a.gateways[w.service] = slices.Delete(a.gateways[w.service], i, i+1); len(a.gateways[w.service]) == 0 {
		delete(a.gateways, w.service)
	}
}

// AttachPolicies decides which policies prevail. It is called after each change of the store, before anything is derived: a route
// that read which policy prevailed before would reach a Service without TLS that has had a policy all the time, and what it
// contributes could be published before it is derived again.
func (x *Compiler) AttachPolicies() {
	a := x.attachedPolicies
	for t := range a.touched {
		delete(a.touched, t)
		former, had := x.prevailing.Peek(t)
		if now := a.by[t]; len(now) > 0 {
			x.prevailing.Set(t, now[0].name)
			x.claimed.Set(policyClaim{now[0].name, t}, struct{}{})
			had = had && former != now[0].name
		} else {
			x.prevailing.Delete(t)
		}
		if had {
			x.claimed.Delete(policyClaim{former, t})
		}
	}
}

// updateWays brings up to date through which Gateways requests reach Services, and reports whether something changed.
func (x *Compiler) updateWays() bool {
	a, changed := x.attachedPolicies, false
	for s := range a.reached {
		delete(a.reached, s)
		if all := a.gateways[s]; len(all) > 0 {
			changed = x.ways.Set(s, slices.Clone(all[:min(len(all), maxAncestors)])) || changed
		} else {
			changed = x.ways.Delete(s) || changed
		}
	}
	return changed
}

// targetClaim is that of a policy on a target.
type targetClaim struct {
	claimingPolicy
	target policyTarget
}

// claimsOf returns the claims of a policy, whatever else is wrong with it.
func claimsOf(n kobj.Name, o *gatewayv1.BackendTLSPolicy) []targetClaim {
	var out []targetClaim
	for _, t := range targetsOf(n.Namespace, o.Spec.TargetRefs) {
		out = append(out, targetClaim{claimingPolicy{n, o.CreationTimestamp.Unix()}, t})
	}
	return out
}

// claim counts a claim, which a policy can have before and after a change: or one less.
func (a *attachedPolicies) claim(c targetClaim, more bool) {
	all := a.by[c.target]
	i, _ := slices.BinarySearchFunc(all, c.claimingPolicy, claimingPolicy.compare)
	if more {
		if a.claims[c]++; a.claims[c] > 1 {
			return
		}
		a.by[c.target] = slices.Insert(all, i, c.claimingPolicy)
	} else {
		if a.claims[c]--; a.claims[c] > 0 {
			return
		}
		delete(a.claims, c)
		if a.by[c.target] = slices.Delete(all, i, i+1); len(all) == 1 {
			delete(a.by, c.target)
		}
	}
	a.touched[c.target] = true
}

// maxAncestors is the largest number of Gateways in the status of a policy.
const maxAncestors = 16
