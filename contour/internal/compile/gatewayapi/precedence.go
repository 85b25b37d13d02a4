package gatewayapi

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/provision"
	"contour.example/contour/internal/report"
)

// precedence decides which listener has a port and hostname of a Gateway that allows ListenerSets: one of the Gateway itself, else that of
// the oldest set, then the first one of the set. The class of protocols of a port is that of the first of its listeners.
//
// Whether a listener of a set is accepted depends on other sets, of any number and namespace, so that no derivation can read it. An edit
// costs as much as the verdicts that it can change. A listener is not accepted before the decision about it.
type precedence struct {
	own      map[kobj.Name][]ownClaim             // by Gateway
	classes  map[socketClass]int                  // of listeners of Gateways
	names    map[listenerClaim]int                // that listeners of Gateways claim
	sets     map[kobj.Name][]*claimant            // by set, in the order of its listeners
	sockets  map[gatewaySocket][]*claimant        // of sets, sorted
	claims   map[listenerClaim][]*claimant        // of sets, sorted
	served   map[gatewayHost]map[string]int       // the hostnames of accepted listeners, by where they are found
	secured  map[gatewayPort]int                  // the number of accepted HTTPS listeners
	changed  map[kobj.Name]bool                   // sets of which a verdict may have changed
	dirty    map[gatewayHost]bool                 // of served
	ports    map[gatewayPort]bool                 // of secured that may have changed
	open     map[kobj.Name]map[provision.Port]int // by Gateway: the accepted listeners of ListenerSets
	opened   map[kobj.Name]bool                   // of open that may have changed
	heads    map[kobj.Name][]*claimant            // by Gateway: the first listener of each port that only ListenerSets have, sorted
	maxPorts int                                  // of a Gateway that only ListenerSets have
}

// gatewaySocket is a port of a Gateway for connections, or for datagrams.
type gatewaySocket struct {
	gatewayPort
	datagrams bool
}

type socketClass struct {
	gatewaySocket
	class protocolClass
}

// listenerClaim is what a listener has alone: a hostname, "" for any, on a port of a Gateway.
type listenerClaim struct {
	gatewayPort
	class    protocolClass
	hostname string
}

func (c listenerClaim) socket() gatewaySocket {
	return gatewaySocket{c.gatewayPort, c.class == datagrams}
}

func claimOfListener(gateway kobj.Name, l *listener) listenerClaim {
	return listenerClaim{gatewayPort{gateway, l.port}, l.class(), l.hostname}
}

// ownClaim is the claim of a listener of a Gateway.
type ownClaim struct {
	listenerClaim
	https, accepted bool
}

// claimant is a listener of a ListenerSet.
type claimant struct {
	listenerClaim
	https   bool
	created time.Time
	set     kobj.Name
	index   int // in the set

	accepted bool
}

func compareClaimants(a, b *claimant) int {
	return cmp.Or(a.created.Compare(b.created), a.set.Compare(b.set), cmp.Compare(a.index, b.index))
}

// admission is the decision about a listener of a set: why another one precedes it, "" if none does.
type admission struct {
	claim    listenerClaim
	conflict report.Reason
}

// gatewayHost is where hostnames of listeners of a port are found.
type gatewayHost struct {
	gatewayPort
	place string
}

func newPrecedence() *precedence {
	return &precedence{
		own: map[kobj.Name][]ownClaim{}, classes: map[socketClass]int{}, names: map[listenerClaim]int{},
		sets: map[kobj.Name][]*claimant{}, sockets: map[gatewaySocket][]*claimant{}, claims: map[listenerClaim][]*claimant{},
		served: map[gatewayHost]map[string]int{}, secured: map[gatewayPort]int{},
		changed: map[kobj.Name]bool{}, dirty: map[gatewayHost]bool{}, ports: map[gatewayPort]bool{},
		open: map[kobj.Name]map[provision.Port]int{}, opened: map[kobj.Name]bool{},
		heads: map[kobj.Name][]*claimant{}, maxPorts: maxSetPorts,
	}
}

// ResolvePrecedence decides which listeners of ListenerSets are accepted, and reports whether a decision changed. It is called between
// runs of the engine, until it returns false.
func (x *Compiler) ResolvePrecedence() bool {
	p := x.precedence
	for _, ch := range x.gateways.Changes() {
		p.setOwn(ch.Key, value(ch.New))
	}
	for _, ch := range x.entries.Changes() {
		p.setClaims(ch.Key, value(ch.New))
	}
	changed := false
	for _, n := range slices.SortedFunc(maps.Keys(p.changed), kobj.Name.Compare) {
		delete(p.changed, n)
		if decisions := p.decide(n); len(decisions) > 0 {
			changed = x.admissions.Set(n, decisions) || changed
		} else {
			changed = x.admissions.Delete(n) || changed
		}
	}
	return x.updateServed() || changed
}

// value returns a value that a change may lack.
func value[V any](v **V) *V {
	if v == nil {
		return nil
	}
	return *v
}

// updateServed brings the inputs of hostnames, of ports and of HTTPS up to date, and reports whether one changed.
func (x *Compiler) updateServed() (changed bool) {
	p := x.precedence
	for at := range p.dirty {
		delete(p.dirty, at)
		if len(p.served[at]) > 0 {
			changed = x.served.Set(at, slices.Sorted(maps.Keys(p.served[at]))) || changed
		} else {
			delete(p.served, at)
			changed = x.served.Delete(at) || changed
		}
	}
	for n := range p.opened {
		delete(p.opened, n)
		if ports := p.open[n]; len(ports) > 0 {
			changed = x.setPorts.Set(n, slices.SortedFunc(maps.Keys(ports), comparePorts)) || changed
		} else {
			delete(p.open, n)
			changed = x.setPorts.Delete(n) || changed
		}
	}
	for at := range p.ports {
		delete(p.ports, at)
		if p.secured[at] > 0 {
			changed = x.secured.Set(at, struct{}{}) || changed
		} else {
			delete(p.secured, at)
			changed = x.secured.Delete(at) || changed
		}
	}
	return changed
}

// setOwn replaces what the listeners of a Gateway claim. Those that are in conflict with each other claim it too: what they have in common
// is served by nobody.
func (p *precedence) setOwn(n kobj.Name, g *gateway) {
	var claims []ownClaim
	if g != nil && !g.problem.is() && g.allowed.any() {
		for i := range g.listeners {
			if l := &g.listeners[i]; !l.problem.is() {
				claims = append(claims, ownClaim{claimOfListener(n, l), l.protocol == ir.ListenHTTPS, l.accepted()})
			}
		}
	}
	former := p.own[n]
	if slices.Equal(former, claims) {
		return
	}
	before, heads := map[gatewaySocket][]protocolClass{}, map[gatewaySocket]*claimant{}
	for _, c := range slices.Concat(former, claims) {
		before[c.socket()], heads[c.socket()] = p.ownClasses(c.socket()), p.head(c.socket())
	}
	p.countOwn(former, -1)
	p.countOwn(claims, 1)
	if p.own[n] = claims; len(claims) == 0 {
		delete(p.own, n)
	}
	p.updateHeads(n, heads)
	for at, classes := range before {
		if !slices.Equal(classes, p.ownClasses(at)) {
			p.reviewAll(p.sockets[at])
		}
	}
	for _, c := range slices.Concat(former, claims) {
		p.reviewAll(first(p.claims[c.listenerClaim]))
	}
}

func (p *precedence) countOwn(claims []ownClaim, by int) {
	for _, c := range claims {
		addTo(p.classes, socketClass{c.socket(), c.class}, by)
		addTo(p.names, c.listenerClaim, by)
		if c.accepted {
			p.countServed(c.listenerClaim, c.https, by)
		}
	}
}

// addTo adds to a number of a map that has no zeros.
func addTo[K comparable](m map[K]int, k K, by int) {
	if m[k] += by; m[k] == 0 {
		delete(m, k)
	}
}

// ownClasses returns the classes of the listeners of the Gateway of a socket, sorted.
func (p *precedence) ownClasses(at gatewaySocket) (out []protocolClass) {
	for _, c := range protocolClasses() {
		if p.classes[socketClass{at, c}] > 0 {
			out = append(out, c)
		}
	}
	return out
}

// countServed counts an accepted listener.
func (p *precedence) countServed(c listenerClaim, https bool, by int) {
	if c.hostname != "" {
		at := gatewayHost{c.gatewayPort, placeOf(c.hostname)}
		if p.served[at] == nil {
			p.served[at] = map[string]int{}
		}
		addTo(p.served[at], c.hostname, by)
		p.dirty[at] = true
	}
	if https {
		p.secured[c.gatewayPort] += by
		p.ports[c.gatewayPort] = true
	}
}

// countAccepted counts an accepted listener of a set.
func (p *precedence) countAccepted(c *claimant, by int) {
	p.countServed(c.listenerClaim, c.https, by)
	if p.open[c.gateway] == nil {
		p.open[c.gateway] = map[provision.Port]int{}
	}
	addTo(p.open[c.gateway], provision.Port{Number: int32(c.port), UDP: c.class == datagrams}, by)
	p.opened[c.gateway] = true
}

func (p *precedence) reviewAll(list []*claimant) {
	for _, c := range list {
		p.changed[c.set] = true
	}
}

// first returns the list up to its first element.
func first(list []*claimant) []*claimant { return list[:min(1, len(list))] }

// claimants returns what the listeners of a set claim; s is nil if there is none.
func claimants(n kobj.Name, s *listenerSet) (out []*claimant) {
	if s == nil {
		return nil
	}
	for i := range s.listeners {
		if l := &s.listeners[i]; !l.problem.is() {
			out = append(out, &claimant{
				listenerClaim: claimOfListener(s.gateway, l), https: l.protocol == ir.ListenHTTPS, created: s.created, set: n, index: i,
			})
		}
	}
	return out
}

// setClaims replaces what the listeners of a set claim.
func (p *precedence) setClaims(n kobj.Name, s *listenerSet) {
	former, next := p.sets[n], claimants(n, s)
	p.changed[n] = true
	sockets, claims := map[gatewaySocket][]*claimant{}, map[listenerClaim][]*claimant{}
	heads := map[kobj.Name]map[gatewaySocket]*claimant{} // of one Gateway, or of the former one, too
	for _, c := range slices.Concat(former, next) {
		if heads[c.gateway] == nil {
			heads[c.gateway] = map[gatewaySocket]*claimant{}
		}
		heads[c.gateway][c.socket()] = p.head(c.socket())
		if _, seen := sockets[c.socket()]; !seen {
			sockets[c.socket()] = slices.Clone(first(p.sockets[c.socket()]))
		}
		if _, seen := claims[c.listenerClaim]; !seen {
			claims[c.listenerClaim] = slices.Clone(first(p.claims[c.listenerClaim]))
		}
	}
	for _, c := range former {
		remove(p.sockets, c.socket(), c)
		remove(p.claims, c.listenerClaim, c)
		if c.accepted {
			p.countAccepted(c, -1)
		}
	}
	for _, c := range next {
		insert(p.sockets, c.socket(), c)
		insert(p.claims, c.listenerClaim, c)
	}
	if p.sets[n] = next; len(next) == 0 {
		delete(p.sets, n)
	}
	for gateway, former := range heads {
		p.updateHeads(gateway, former)
	}
	for at, before := range sockets {
		if after := first(p.sockets[at]); len(before) > 0 && len(after) > 0 && before[0].class != after[0].class {
			p.reviewAll(p.sockets[at])
		}
	}
	for at, before := range claims {
		p.reviewAll(before)
		p.reviewAll(first(p.claims[at]))
	}
}

func insert[K comparable](lists map[K][]*claimant, k K, c *claimant) {
	at, _ := slices.BinarySearchFunc(lists[k], c, compareClaimants)
	lists[k] = slices.Insert(lists[k], at, c)
}

func remove[K comparable](lists map[K][]*claimant, k K, c *claimant) {
	at, found := slices.BinarySearchFunc(lists[k], c, compareClaimants)
	if found {
		lists[k] = slices.Delete(lists[k], at, at+1)
	}
	if len(lists[k]) == 0 {
		delete(lists, k)
	}
}

// decide returns the decisions about the listeners of a set that claim something, by their indexes; nil if there is none.
func (p *precedence) decide(n kobj.Name) []admission {
	var out []admission
	for _, c := range p.sets[n] {
		why := p.conflict(c)
		for len(out) < c.index {
			out = append(out, admission{})
		}
		out = append(out, admission{c.listenerClaim, why})
		if accepted := why == ""; accepted != c.accepted {
			by := -1
			if accepted {
				by = 1
			}
			c.accepted = accepted
			p.countAccepted(c, by)
		}
	}
	return out
}

// conflict returns why a listener of a set is not accepted; "" if no other one precedes it.
func (p *precedence) conflict(c *claimant) report.Reason {
	class := p.sockets[c.socket()][0].class
	if own := p.ownClasses(c.socket()); len(own) > 0 {
		if class = own[0]; len(own) > 1 {
			return report.ProtocolConflict
		}
	} else if !p.opens(c.socket()) {
		return report.PortUnavailable
	}
	switch {
	case class != c.class:
		return report.ProtocolConflict
	case p.names[c.listenerClaim] > 0 || p.claims[c.listenerClaim][0] != c:
		return report.HostnameConflict
	}
	return ""
}

// placeOf returns where a hostname of a listener is found: wildcards of many labels by the last ones.
func placeOf(hostname string) string {
	if domain, wildcard := strings.CutPrefix(hostname, "*."); wildcard {
		return "*." + indexed(domain)
	}
	return hostname
}

// placesOf returns where the hostnames are found that include one of a route.
func placesOf(hostname string) (places []string) {
	if isPrecise(hostname) {
		places = append(places, hostname)
	}
	for _, d := range domainsOf(hostname) {
		if at := "*." + indexed(d); d != "" && (len(places) == 0 || places[len(places)-1] != at) {
			places = append(places, at)
		}
	}
	return places
}

// narrower reports whether an accepted listener of a port of a Gateway includes a hostname, and is more specific than another listener.
func (x *Compiler) narrower(r *memo.Reader, at gatewayPort, than, hostname string) bool {
	if isPrecise(than) {
		return false
	}
	shortest := len(placeOf(than))
	for _, place := range placesOf(hostname) {
		if len(place) < shortest {
			break // as are all that follow
		}
		names, _ := x.served.Get(r, gatewayHost{at, place})
		if slices.ContainsFunc(names, func(o string) bool { return moreSpecific(o, than) && covers(o, hostname) }) {
			return true
		}
	}
	return false
}
