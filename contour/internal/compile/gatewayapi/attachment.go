package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// parent is what routes read of a Gateway: no edit of anything else of it concerns them.
type parent struct {
	listeners []parentListener // those that accept routes
}

type parentListener struct {
	name     string
	port     gatewayv1.PortNumber
	hostname string
	secure   bool
	kinds    []kobj.Kind
	from     gatewayv1.FromNamespaces
	selector *metav1.LabelSelector
}

// deriveParent returns what routes read of a Gateway; nil if it is none of this controller.
func (x *Compiler) deriveParent(r *memo.Reader, n kobj.Name) *parent {
	g := x.gateways.Get(r, n)
	if g == nil {
		return nil
	}
	p := &parent{}
	for i := range g.listeners {
		if l := &g.listeners[i]; l.accepted() && !g.problem.is() {
			p.listeners = append(p.listeners, parentListener{l.name, l.port, l.hostname, l.secure, l.kinds, l.from, l.selector})
		}
	}
	return p
}

// attachment is where a route is attached, if no older route of the other kind is there.
type attachment struct {
	age     age
	parents []attachedParent // those of this controller
}

// attachedParent is one parentRef of a route.
type attachedParent struct {
	index     int // in spec.parentRefs
	gateway   kobj.Name
	problem   problem // why no listener accepts the route
	listeners []attachedListener
}

// attachedListener is a listener that accepts a route, with the hostnames that the route has there. Those for which another listener
// of the port is more specific are left out, so that there may be none.
type attachedListener struct {
	name   string
	port   gatewayv1.PortNumber
	secure bool
	chain  string
	all    []string // hostnames, "" is any
	hosts  []string // of virtual hosts, "*" is any
}

// deriveAttachment finds the listeners that accept a route.
func (x *Compiler) deriveAttachment(r *memo.Reader, k kobj.Key) attachment {
	spec, ok := x.routeSpec(r, k)
	if !ok {
		return attachment{}
	}
	out := attachment{age: age{spec.meta.CreationTimestamp.UTC(), k}}
	var hostnames []string
	for _, h := range spec.hostnames {
		if name, p := validate.Hostname(string(h)); p == "" && !validate.IsAddress(name) {
			hostnames = append(hostnames, name)
		}
	}
	if len(spec.hostnames) == 0 {
		hostnames = []string{""}
	}
	for i := range spec.parents[:min(len(spec.parents), maxParents)] {
		to := &spec.parents[i]
		if to.Group != nil && *to.Group != gatewayv1.GroupName || to.Kind != nil && kobj.Kind(*to.Kind) != kobj.Gateway {
			continue
		}
		n := kobj.Name{Namespace: k.Namespace, Name: string(to.Name)}
		if to.Namespace != nil {
			n.Namespace = string(*to.Namespace)
		}
		if p := x.parents.Get(r, n); p != nil {
			out.parents = append(out.parents, x.attach(r, k, p, to, attachedParent{index: i, gateway: n}, hostnames))
		}
	}
	return out
}

// maxParents bounds the parentRefs of a route, as the API server does.
const maxParents = 32

// attach finds the listeners of a Gateway that accept a route. The problem is that of the last check that a listener has reached.
func (x *Compiler) attach(r *memo.Reader, k kobj.Key, p *parent, to *gatewayv1.ParentReference, out attachedParent, hostnames []string) attachedParent {
	named, allowed := false, false
	for i := range p.listeners {
		l := &p.listeners[i]
		if to.SectionName != nil && string(*to.SectionName) != l.name || to.Port != nil && *to.Port != l.port {
			continue
		}
		named = true
		if !x.allows(r, l, out.gateway.Namespace, k) {
			continue
		}
		allowed = true
		if all := intersections(hostnames, l.hostname); len(all) > 0 {
			out.listeners = append(out.listeners, attachedListener{
				name: l.name, port: l.port, secure: l.secure, chain: chainOf(l), all: all, hosts: p.ownHosts(l, all),
			})
		}
	}
	switch {
	case len(out.listeners) > 0:
	case !named:
		out.problem = problem{report.NoMatchingParent, fmt.Sprintf("Gateway %q has no valid listener with the name and the port of the parentRef.", out.gateway)}
	case !allowed:
		out.problem = problem{report.NotAllowedByListeners, fmt.Sprintf("No listener of Gateway %q allows routes of kind %s in namespace %q.", out.gateway, k.Kind, k.Namespace)}
	default:
		out.problem = problem{report.NoMatchingListenerHostname, fmt.Sprintf("No hostname of the route is one of the listeners of Gateway %q.", out.gateway)}
	}
	return out
}

func chainOf(l *parentListener) string {
	if !l.secure {
		return ""
	}
	return cmp.Or(l.hostname, "*")
}

// allows reports whether the listener of a Gateway in that namespace allows the route.
func (x *Compiler) allows(r *memo.Reader, l *parentListener, namespace string, k kobj.Key) bool {
	if !slices.Contains(l.kinds, k.Kind) {
		return false
	}
	switch l.from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return k.Namespace == namespace
	case gatewayv1.NamespacesFromSelector:
		selector, err := metav1.LabelSelectorAsSelector(l.selector)
		of, ok := x.env.Store.Namespaces.Get(r, kobj.Name{Name: k.Namespace})
		return err == nil && ok && selector.Matches(labels.Set(of.Labels))
	case gatewayv1.NamespacesFromNone:
	}
	return false
}

// intersections returns what the hostnames have in common with that of a listener, each once.
func intersections(hostnames []string, of string) []string {
	var out []string
	for _, h := range hostnames {
		switch {
		case covers(of, h):
		case covers(h, of):
			h = of
		default:
			continue
		}
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// ownHosts returns the virtual hosts of the hostnames for which no other listener of the port is more specific.
func (p *parent) ownHosts(l *parentListener, hostnames []string) []string {
	var out []string
	for _, h := range hostnames {
		if !slices.ContainsFunc(p.listeners, func(o parentListener) bool {
			return o.port == l.port && moreSpecific(o.hostname, l.hostname) && covers(o.hostname, h)
		}) {
			out = append(out, cmp.Or(h, "*"))
		}
	}
	return out
}

// moreSpecific reports whether the hostname a of a listener precedes b, where both include a name: one without a wildcard precedes
// all with one, whatever their lengths; of wildcards the longer one precedes.
func moreSpecific(a, b string) bool {
	if precise := isPrecise(a); precise != isPrecise(b) {
		return precise
	}
	return len(a) > len(b)
}

func isPrecise(hostname string) bool { return hostname != "" && hostname[0] != '*' }

// hostClaim is a hostname of routes of a kind on a listener, or, with below, that it is among those below a domain.
type hostClaim struct {
	listener listenerName
	kind     kobj.Kind
	hostname string
	below    bool
}

// hostClaims returns the hostnames of a route, and the domains that each is below.
func hostClaims(k kobj.Key, a attachment) []hostClaim {
	var out []hostClaim
	for i := range a.parents {
		for j := range a.parents[i].listeners {
			l := &a.parents[i].listeners[j]
			c := hostClaim{listener: listenerName{a.parents[i].gateway, l.name}, kind: k.Kind}
			for _, h := range l.all {
				c.hostname, c.below = h, false
				out = append(out, c)
				c.below = true
				for _, c.hostname = range domainsOf(h) {
					out = append(out, c)
				}
			}
		}
	}
	return out
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

// intersecting returns the claims of routes that have a name in common with the hostname c.
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
		add(domain, true)
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

// deriveOldest returns the oldest route with a claim.
func (x *Compiler) deriveOldest(r *memo.Reader, c hostClaim) age {
	var oldest age
	for _, k := range x.hosts.Get(r, c) {
		if a := x.attachments.Get(r, k).age; oldest.key == (kobj.Key{}) || a.before(oldest) {
			oldest = a
		}
	}
	return oldest
}

// rival returns the oldest route of the other kind on a listener that has a hostname in common with a route and is older; zero: none.
func (x *Compiler) rival(r *memo.Reader, a age, gateway kobj.Name, l *attachedListener) (rival age) {
	c := hostClaim{listener: listenerName{gateway, l.name}, kind: kobj.HTTPRoute}
	if a.key.Kind == kobj.HTTPRoute {
		c.kind = kobj.GRPCRoute
	}
	for _, c.hostname = range l.all {
		for _, other := range intersecting(c) {
			if o := x.oldest.Get(r, other); o.before(a) && (rival.key == (kobj.Key{}) || o.before(rival)) {
				rival = o
			}
		}
	}
	return rival
}
