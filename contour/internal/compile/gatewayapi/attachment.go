package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// parent is what routes read of a Gateway or of a ListenerSet: no edit of anything else of it concerns them.
type parent struct {
	place     place
	listeners []parentListener // those that accept routes
	shown     shownCertificate
	// shared: ListenerSets can have listeners on the same ports.
	shared bool
}

type parentListener struct {
	name     string
	port     gatewayv1.PortNumber
	hostname string
	protocol ir.ListenerProtocol
	secure   bool
	opaque   bool // connections are passed through with their TLS
	kinds    []kobj.Kind
	from     gatewayv1.FromNamespaces
	selector *metav1.LabelSelector
}

// deriveParent returns what routes read of a Gateway or ListenerSet; nil if it is none of this controller.
func (x *Compiler) deriveParent(r *memo.Reader, k kobj.Key) *parent {
	if k.Kind == kobj.ListenerSet {
		return x.setAsParent(r, k.Name)
	}
	g := x.gateways.Get(r, k.Name)
	if g == nil {
		return nil
	}
	p := &parent{place: g.place, shown: g.shown, shared: g.allowed.any()}
	if !g.problem.is() {
		p.add(g.listeners)
	}
	return p
}

// setAsParent returns what routes read of a ListenerSet.
func (x *Compiler) setAsParent(r *memo.Reader, n kobj.Name) *parent {
	s := x.listenerSets.Get(r, n)
	if s == nil {
		return nil
	}
	p := &parent{place: x.placeOf(r, s.gateway), shared: true}
	if of := x.setParents.Get(r, s.gateway); of != nil {
		p.shown = of.shown
	}
	p.add(s.listeners)
	return p
}

// add adds the listeners that accept routes.
func (p *parent) add(listeners []listener) {
	for i := range listeners {
		if l := &listeners[i]; l.accepted() {
			p.listeners = append(p.listeners, parentListener{l.name, l.port, l.hostname, l.protocol, l.secure, l.passthrough, l.kinds, l.from, l.selector})
		}
	}
}

// attachment is where a route is attached, if no older route of the other kind is there.
type attachment struct {
	age     age
	parents []attachedParent // those of this controller
	fault   string           // why the controller could not find the present parents; "": it could
}

// keepLastAttachment returns the last attachment of a route of which the derivation panics.
func keepLastAttachment(_ kobj.Key, last attachment, _ bool, reason string) attachment {
	last.fault = faultMessage(reason)
	return last
}

// attachedParent is one parentRef of a route.
type attachedParent struct {
	index     int // in spec.parentRefs
	ref       gatewayv1.ParentReference
	of        kobj.Key  // a Gateway or a ListenerSet
	gateway   kobj.Name // whose addresses the listeners have
	fleet     ir.Fleet
	shown     shownCertificate
	problem   problem // why no listener accepts the route
	listeners []attachedListener
}

func (p *attachedParent) place() place { return place{p.fleet, p.gateway} }

// attachedListener is a listener that accepts a route, with the hostnames that the route has there. Those for which another listener
// of the port is more specific are left out, so that there may be none.
type attachedListener struct {
	name     string
	port     gatewayv1.PortNumber
	protocol ir.ListenerProtocol
	secure   bool
	opaque   bool // as of parentListener
	chain    string
	of       *parentListener // nil when the virtual hosts are found
	all      []string        // hostnames, "" is any
	hosts    []string        // of virtual hosts, "*" is any
}

// deriveAttachment finds the listeners that accept a route.
func (x *Compiler) deriveAttachment(r *memo.Reader, k kobj.Key) attachment {
	spec, ok := x.routeSpec(r, k)
	if !ok {
		return attachment{}
	}
	out := attachment{age: age{spec.meta.CreationTimestamp.UTC(), k}}
	var hostnames []string
	for _, h := range spec.hostnames[:min(len(spec.hostnames), spec.maxHostnames)] {
		if name, p := validate.Hostname(string(h)); p == "" && !validate.IsAddress(name) {
			hostnames = append(hostnames, name)
		}
	}
	if len(spec.hostnames) == 0 {
		hostnames = []string{""}
	}
	free := maxAttachedHostnames
	for i := range spec.parents[:min(len(spec.parents), maxParents)] {
		to := &spec.parents[i]
		of, ok := parentOf(k.Namespace, to)
		if !ok {
			continue
		}
		if p := x.parents.Get(r, of); p != nil {
			at := x.attach(r, k, p, to, attachedParent{index: i, ref: *to, of: of, gateway: p.place.gateway, fleet: p.place.fleet, shown: p.shown}, hostnames)
			n := 0
			for j := range at.listeners {
				n += len(at.listeners[j].all)
			}
			if n > free {
				at.listeners, at.problem = nil, problem{report.UnsupportedValue, fmt.Sprintf("The hostnames that the route has on listeners, each counted once for each listener, are more than %d.", maxAttachedHostnames)}
			} else {
				free -= n
			}
			x.findHosts(r, &at, p)
			out.parents = append(out.parents, at)
		}
	}
	return out
}

// parentOf returns the parent that a parentRef names; false if it is of another kind.
func parentOf(namespace string, to *gatewayv1.ParentReference) (kobj.Key, bool) {
	k := kobj.Of(kobj.Gateway, namespace, string(to.Name))
	if to.Kind != nil {
		k.Kind = kobj.Kind(*to.Kind)
	}
	if to.Namespace != nil {
		k.Namespace = string(*to.Namespace)
	}
	return k, (to.Group == nil || *to.Group == gatewayv1.GroupName) && (k.Kind == kobj.Gateway || k.Kind == kobj.ListenerSet)
}

// maxHostnames and maxServerNames bound the hostnames of an HTTPRoute or GRPCRoute, and of a TLSRoute, as the API server does.
const (
	maxHostnames   = 16
	maxServerNames = 1024
)

// maxAttachedHostnames bounds the hostnames that a route has on all listeners: as many as a Gateway with 64 listeners and a route with 16
// hostnames can have in common. A parentRef with which they are more is refused.
const maxAttachedHostnames = maxListeners * maxHostnames

// findHosts finds the virtual hosts of the hostnames.
func (x *Compiler) findHosts(r *memo.Reader, a *attachedParent, p *parent) {
	for i := range a.listeners {
		l := &a.listeners[i]
		l.hosts = x.ownHosts(r, p, l.of, l.all)
		l.of = nil
	}
}

// maxParents bounds the parentRefs of a route, as the API server does.
const maxParents = 32

// attach finds the listeners of a parent that accept a route. The problem is that of the last check that a listener has reached.
func (x *Compiler) attach(r *memo.Reader, k kobj.Key, p *parent, to *gatewayv1.ParentReference, out attachedParent, hostnames []string) attachedParent {
	named, allowed := false, false
	for i := range p.listeners {
		l := &p.listeners[i]
		if to.SectionName != nil && string(*to.SectionName) != l.name || to.Port != nil && *to.Port != l.port {
			continue
		}
		named = true
		if !x.allows(r, l, out.of.Namespace, k) {
			continue
		}
		allowed = true
		if all := intersections(hostnames, l.hostname); len(all) > 0 {
			out.listeners = append(out.listeners, attachedListener{
				name: l.name, port: l.port, protocol: l.protocol, secure: l.secure, opaque: l.opaque, chain: chainOf(l), of: l, all: all,
			})
		}
	}
	switch {
	case len(out.listeners) > 0:
	case !named:
		out.problem = problem{report.NoMatchingParent, fmt.Sprintf("%s %q has no valid listener with the name and the port of the parentRef.", out.of.Kind, out.of.Name)}
	case !allowed:
		out.problem = problem{report.NotAllowedByListeners, fmt.Sprintf("No listener of %s %q allows routes of kind %s in namespace %q.", out.of.Kind, out.of.Name, k.Kind, k.Namespace)}
	default:
		out.problem = problem{report.NoMatchingListenerHostname, fmt.Sprintf("No hostname of the route is one of the listeners of %s %q.", out.of.Kind, out.of.Name)}
	}
	return out
}

func chainOf(l *parentListener) string {
	if !l.secure {
		return ""
	}
	return cmp.Or(l.hostname, "*")
}

// allows reports whether the listener of a parent in that namespace allows the route.
func (x *Compiler) allows(r *memo.Reader, l *parentListener, namespace string, k kobj.Key) bool {
	return slices.Contains(l.kinds, k.Kind) && x.namespaceIn(r, l.from, l.selector, namespace, k.Namespace)
}

// intersections returns what the hostnames have in common with that of a listener, each once.
func intersections(hostnames []string, of string) []string {
	var out []string
	seen := map[string]bool{}
	for _, h := range hostnames {
		switch {
		case covers(of, h):
		case covers(h, of):
			h = of
		default:
			continue
		}
		if !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	return out
}

// ownHosts returns the virtual hosts of the hostnames for which no other listener of the port is more specific.
func (x *Compiler) ownHosts(r *memo.Reader, p *parent, l *parentListener, hostnames []string) []string {
	var out []string
	for _, h := range hostnames {
		if p.shared && !x.narrower(r, gatewayPort{p.place.gateway, l.port}, l.hostname, h) || !p.shared && !p.narrower(l, h) {
			out = append(out, cmp.Or(h, "*"))
		}
	}
	return out
}

// narrower reports whether another listener of the Gateway, which has no ListenerSets, includes a hostname and is more specific.
func (p *parent) narrower(l *parentListener, hostname string) bool {
	return slices.ContainsFunc(p.listeners, func(o parentListener) bool {
		return o.port == l.port && moreSpecific(o.hostname, l.hostname) && covers(o.hostname, hostname)
	})
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
