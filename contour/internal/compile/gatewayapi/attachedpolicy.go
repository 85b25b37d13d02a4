package gatewayapi

import (
	"cmp"
	"slices"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// attachedPolicies decides which of the policies with a target prevails there, the oldest, and through which Gateways requests reach
// each Service. Both depend on any number of objects, so that no derivation can read it; an edit costs as much as it changes.
type attachedPolicies struct {
	of       map[kobj.Name]claimingPolicy
	by       map[policyTarget][]claimingPolicy // sorted, the one that prevails first
	touched  map[policyTarget]bool
	ways     map[way]int               // the routes that open each
	gateways map[kobj.Name][]kobj.Name // by Service: those of its ways, sorted: those of its namespace precede others
	reached  map[kobj.Name]bool        // Services for which gateways has changed
}

// claimingPolicy is a policy with the targets that it claims.
type claimingPolicy struct {
	name    kobj.Name
	age     int64 // when it was created, in Unix time
	targets []policyTarget
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
		of: map[kobj.Name]claimingPolicy{}, by: map[policyTarget][]claimingPolicy{}, touched: map[policyTarget]bool{},
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
	x.policies.Watch()
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
		if p := &of.parents[i]; !p.problem.is() && len(p.listeners) > 0 && !slices.Contains(gateways, p.gateway) {
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

// attachPolicies brings what derivations read of attached policies up to date, and reports whether something changed.
func (x *Compiler) attachPolicies() bool {
	a := x.attachedPolicies
	for _, ch := range x.policies.Changes() {
		var next claimingPolicy
		if p := ch.New; p != nil && *p != nil {
			next = claimingPolicy{ch.Key, (*p).created.Unix(), (*p).targets}
		}
		a.set(ch.Key, next)
	}
	changed := false
	for t := range a.touched {
		delete(a.touched, t)
		former, had := x.prevailing.Peek(t)
		if now := a.by[t]; len(now) > 0 {
			changed = x.prevailing.Set(t, now[0].name) || changed
			changed = x.claimed.Set(policyClaim{now[0].name, t}, struct{}{}) || changed
			had = had && former != now[0].name
		} else {
			changed = x.prevailing.Delete(t) || changed
		}
		if had {
			changed = x.claimed.Delete(policyClaim{former, t}) || changed
		}
	}
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

// set replaces the claims of a policy.
func (a *attachedPolicies) set(n kobj.Name, next claimingPolicy) {
	former := a.of[n]
	if former.age == next.age && slices.Equal(former.targets, next.targets) {
		return
	}
	for _, t := range former.targets {
		if i, found := slices.BinarySearchFunc(a.by[t], former, claimingPolicy.compare); found {
			if a.by[t] = slices.Delete(a.by[t], i, i+1); len(a.by[t]) == 0 {
				delete(a.by, t)
			}
		}
		a.touched[t] = true
	}
	if len(next.targets) == 0 {
		delete(a.of, n)
		return
	}
	a.of[n] = next
	for _, t := range next.targets {
		i, _ := slices.BinarySearchFunc(a.by[t], next, claimingPolicy.compare)
		a.by[t] = slices.Insert(a.by[t], i, next)
		a.touched[t] = true
	}
}

// maxAncestors is the largest number of Gateways in the status of a policy.
const maxAncestors = 16
