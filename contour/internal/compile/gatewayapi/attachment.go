package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// parent is what routes read of a Gateway: no edit of anything else of it concerns them.
type parent struct {
	fleet     ir.Fleet
	listeners []parentListener // those that accept routes
	shown     shownCertificate
}

type parentListener struct {
	name     string
	port     gatewayv1.PortNumber
	hostname string
	protocol ir.ListenerProtocol
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
	p := &parent{fleet: g.place.fleet, shown: g.shown}
	for i := range g.listeners {
		if l := &g.listeners[i]; l.accepted() && !g.problem.is() {
			p.listeners = append(p.listeners, parentListener{l.name, l.port, l.hostname, l.protocol, l.secure, l.kinds, l.from, l.selector})
		}
	}
	return p
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
	gateway   kobj.Name
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
		if to.Group != nil && *to.Group != gatewayv1.GroupName || to.Kind != nil && kobj.Kind(*to.Kind) != kobj.Gateway {
			continue
		}
		n := kobj.Name{Namespace: k.Namespace, Name: string(to.Name)}
		if to.Namespace != nil {
			n.Namespace = string(*to.Namespace)
		}
		if p := x.parents.Get(r, n); p != nil {
			at := x.attach(r, k, p, to, attachedParent{index: i, ref: *to, gateway: n, fleet: p.fleet, shown: p.shown}, hostnames)
			n := 0
			for j := range at.listeners {
				n += len(at.listeners[j].all)
			}
			if n > free {
				at.listeners, at.problem = nil, problem{report.UnsupportedValue, fmt.Sprintf("The hostnames that the route has on listeners, each counted once for each listener, are more than %d.", maxAttachedHostnames)}
			} else {
				free -= n
			}
			at.findHosts(p)
			out.parents = append(out.parents, at)
		}
	}
	return out
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
func (a *attachedParent) findHosts(p *parent) {
	for i := range a.listeners {
		l := &a.listeners[i]
		l.hosts = p.ownHosts(l.of, l.all)
		l.of = nil
	}
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
				name: l.name, port: l.port, protocol: l.protocol, secure: l.secure, chain: chainOf(l), of: l, all: all,
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
