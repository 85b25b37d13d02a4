package gatewayapi

import (
	"container/heap"
	"slices"
	"strings"

	"contour.example/contour/internal/kobj"
)

// rivals decides between HTTPRoutes and GRPCRoutes that have a hostname in common on a listener: from the oldest route to the youngest,
// each is attached unless one of the other kind that is attached precedes it. A route that is not attached has no effect on others.
//
// Whether a route is attached depends on older ones, of any number, so that no derivation can read it. An edit is looked up by
// hostname, and costs as much as the verdicts that it can change.
type rivals struct {
	contenders map[contest]*contender
	of         map[kobj.Key][]*contender
	attached   map[hostClaim][]*contender // those that are attached, sorted by age
	dirty      contenders
	changed    map[kobj.Key]bool // routes of which a verdict may have changed
}

// contest is a route on a listener.
type contest struct {
	listener listenerName
	route    kobj.Key
}

// contender is a route on a listener, with the hostnames that it has there.
type contender struct {
	contest
	age       age
	hostnames []string // "" is any

	attached, queued, gone bool

	rival   *contender          // the attached one for which it is not attached
	rejects map[*contender]bool // of which it is the rival
}

// hostClaim is a hostname of routes of a kind on a listener, or, with below, that it is among those below a domain.
type hostClaim struct {
	listener listenerName
	kind     kobj.Kind
	hostname string
	below    bool
}

func newRivals() *rivals {
	return &rivals{
		contenders: map[contest]*contender{}, of: map[kobj.Key][]*contender{}, attached: map[hostClaim][]*contender{}, changed: map[kobj.Key]bool{},
	}
}

// ResolveRivals decides which routes are not attached because of routes of the other kind, and which policies because of older ones. It
// reports whether a verdict changed, and is called between runs of the engine, until it returns false.
func (x *Compiler) ResolveRivals() bool {
	for _, ch := range x.routes.Changes() {
		var next route
		if ch.New != nil {
			next = *ch.New
		}
		x.rivals.set(ch.Key, next)
	}
	x.rivals.resolve()
	changed := x.updateWays()
	for k := range x.rivals.changed {
		delete(x.rivals.changed, k)
		if lost := x.rivals.lost(k); len(lost) > 0 {
			changed = x.lost.Set(k, lost) || changed
		} else {
			changed = x.lost.Delete(k) || changed
		}
	}
	return changed
}

// lost returns the listeners to which a route is not attached because of its rivals, sorted.
func (v *rivals) lost(k kobj.Key) []listenerName {
	var out []listenerName
	for _, c := range v.of[k] {
		if !c.attached {
			out = append(out, c.listener)
		}
	}
	slices.SortFunc(out, listenerName.compare)
	return out
}

// set replaces where a route would be attached.
func (v *rivals) set(k kobj.Key, of route) {
	v.changed[k] = true
	for _, c := range v.of[k] {
		v.withdraw(c)
		c.gone = true
		delete(v.contenders, c.contest)
	}
	delete(v.of, k)
	if k.Kind != kobj.HTTPRoute && k.Kind != kobj.GRPCRoute {
		return
	}
	for i := range of.parents {
		p := &of.parents[i]
		for j := range p.listeners {
			at := contest{listenerName{p.of, p.listeners[j].name}, k}
			c := v.contenders[at]
			if c == nil {
				c = &contender{contest: at, age: of.age, hostnames: p.listeners[j].hostnames}
				v.contenders[at], v.of[k] = c, append(v.of[k], c)
				v.push(c)
			}
		}
	}
}

func (v *rivals) push(c *contender) {
	if !c.queued && !c.gone {
		c.queued = true
		heap.Push(&v.dirty, c)
	}
}

// resolve decides about the contenders that an edit concerns, the oldest first: only younger ones depend on each.
func (v *rivals) resolve() {
	for v.dirty.Len() > 0 {
		c, _ := heap.Pop(&v.dirty).(*contender)
		if c.queued = false; c.gone {
			continue
		}
		v.changed[c.route] = true
		if rival := v.precedes(c); rival != nil {
			v.withdraw(c)
			if c.rival = rival; rival.rejects == nil {
				rival.rejects = map[*contender]bool{}
			}
			rival.rejects[c] = true
			continue
		}
		if v.leave(c); c.attached {
			continue
		}
		c.attached = true
		v.index(c, func(list []*contender) []*contender {
			at, _ := slices.BinarySearchFunc(list, c, compareAge)
			return slices.Insert(list, at, c)
		})
		v.lists(c, func(list []*contender, hostname string) {
			for _, o := range slices.Backward(list) {
				if !c.age.before(o.age) {
					break
				}
				if o.shares(hostname) {
					v.push(o)
				}
			}
		})
	}
}

// withdraw detaches a contender, and has those decided again that it kept away.
func (v *rivals) withdraw(c *contender) {
	v.leave(c)
	if !c.attached {
		return
	}
	c.attached = false
	v.index(c, func(list []*contender) []*contender {
		if at, found := slices.BinarySearchFunc(list, c, compareAge); found {
			list = slices.Delete(list, at, at+1)
		}
		return list
	})
	for o := range c.rejects {
		o.rival = nil
		v.push(o)
	}
	c.rejects = nil
}

// leave removes a contender from those of its rival.
func (v *rivals) leave(c *contender) {
	if c.rival != nil {
		delete(c.rival.rejects, c)
		c.rival = nil
	}
}

// precedes returns an attached contender of the other kind that is older than c and has a hostname in common with it; nil: none.
func (v *rivals) precedes(c *contender) (rival *contender) {
	v.lists(c, func(list []*contender, hostname string) {
		for _, o := range list {
			if rival != nil || !o.age.before(c.age) {
				break
			}
			if o.shares(hostname) {
				rival = o
			}
		}
	})
	return rival
}

// lists calls f with each hostname of c and lists of attached contenders of the other kind that may have a name in common with it.
func (v *rivals) lists(c *contender, f func(list []*contender, hostname string)) {
	to := hostClaim{listener: c.listener, kind: kobj.HTTPRoute}
	if c.route.Kind == kobj.HTTPRoute {
		to.kind = kobj.GRPCRoute
	}
	for _, to.hostname = range c.hostnames {
		for _, claim := range intersecting(to) {
			f(v.attached[claim], to.hostname)
		}
	}
}

// shares reports whether the contender has a name in common with a hostname.
func (c *contender) shares(hostname string) bool {
	return slices.ContainsFunc(c.hostnames, func(h string) bool { return covers(h, hostname) || covers(hostname, h) })
}

// index replaces the lists of a contender that is attached, or was.
func (v *rivals) index(c *contender, replace func([]*contender) []*contender) {
	for claim := range hostClaims(c) {
		if list := replace(v.attached[claim]); len(list) > 0 {
			v.attached[claim] = list
		} else {
			delete(v.attached, claim)
		}
	}
}

// hostClaims returns the hostnames of a contender, and the domains that each is below.
func hostClaims(c *contender) map[hostClaim]bool {
	out := map[hostClaim]bool{}
	for _, h := range c.hostnames {
		out[hostClaim{listener: c.listener, kind: c.route.Kind, hostname: h}] = true
		for _, d := range domainsOf(h) {
			if d == indexed(d) {
				out[hostClaim{listener: c.listener, kind: c.route.Kind, hostname: d, below: true}] = true
			}
		}
	}
	return out
}

// maxLabels bounds the labels of the domains by which hostnames are found. Those below longer domains are searched among those below the
// last labels of the domain.
const maxLabels = 8

// indexed returns the last labels of a domain.
func indexed(domain string) string {
	for i, n := len(domain)-1, 0; i >= 0; i-- {
		if domain[i] == '.' {
			if n++; n == maxLabels {
				return domain[i+1:]
			}
		}
	}
	return domain
}

// domainsOf returns the domains that a hostname is below, the root as "".
func domainsOf(hostname string) []string {
	if hostname == "" {
		return nil
	}
	var out []string
	for rest := strings.TrimPrefix(hostname, "*."); ; {
		if rest != hostname {
			out = append(out, rest)
		}
		_, parent, found := strings.Cut(rest, ".")
		if !found {
			return append(out, "")
		}
		rest = parent
	}
}

// intersecting returns the claims of routes that may have a name in common with the hostname of c.
func intersecting(c hostClaim) []hostClaim {
	var out []hostClaim
	add := func(hostname string, below bool) {
		c.hostname, c.below = hostname, below
		out = append(out, c)
	}
	hostname := c.hostname
	add(hostname, false)
	switch domain, wildcard := strings.CutPrefix(hostname, "*."); {
	case hostname == "":
		add("", true)
	case wildcard:
		add(indexed(domain), true)
	}
	for _, d := range domainsOf(hostname) {
		if d == "" {
			add("", false)
		} else if "*."+d != hostname {
			add("*."+d, false)
		}
	}
	return out
}

func compareAge(a, b *contender) int {
	switch {
	case a.age.before(b.age):
		return -1
	case b.age.before(a.age):
		return 1
	}
	return 0
}

// contenders is a heap of which the oldest one is the first.
type contenders []*contender

func (h contenders) Len() int           { return len(h) }
func (h contenders) Less(i, j int) bool { return h[i].age.before(h[j].age) }
func (h contenders) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *contenders) Push(c any) {
	if c, ok := c.(*contender); ok {
		*h = append(*h, c)
	}
}

// Pop implements heap.Interface.
func (h *contenders) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return c
}
